//! Writes the generated files.

fn main() -> std::io::Result<()> {
    for (path, content) in dashboards::files()? {
        std::fs::write(path, content)?;
    }
    Ok(())
}
