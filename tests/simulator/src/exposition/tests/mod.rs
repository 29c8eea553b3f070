//! Expositions that the parser accepts and rejects.

use super::{Format, differences, parse};

fn refused(text: &str, format: Format) -> String {
    parse(text, format).expect_err("a bad exposition")
}

#[test]
fn open_metrics_is_read() {
    let text = concat!(
        "# HELP up_seconds Said \\\"up\\\"\\nor not\n# TYPE up_seconds gauge\n# UNIT up_seconds seconds\n",
        "up_seconds{a=\"q\\\"b\\\\n\\n\",b=\"\"} 1.5\nup_seconds -Inf\n",
        "# TYPE runs counter\nruns_total{x=\"1\"} 2\n",
        "# TYPE d histogram\nd_bucket{le=\"0.1\"} 1\nd_bucket{le=\"+Inf\"} 2\nd_sum 3\nd_count 2\n# EOF\n"
    );
    let exposition = parse(text, Format::OpenMetrics).expect("a good exposition");
    assert_eq!(exposition.families[0].help.as_deref(), Some("Said \"up\"\nor not"));
    assert_eq!(exposition.families[0].unit.as_deref(), Some("seconds"));
    assert_eq!(exposition.samples[0].labels["a"], "q\"b\\n\n");
    assert_eq!(exposition.families()["runs_total"].len(), 1);
}

#[test]
fn text_is_read() {
    let text = "# a comment\n\n# HELP runs_total of \"it\"\n# TYPE runs_total counter\nruns_total{x=\"\r\",} 1e3\n";
    let exposition = parse(text, Format::Text).expect("a good exposition");
    assert_eq!(exposition.samples[0].labels["x"], "\r");
}

#[test]
fn bad_expositions_are_refused() {
    let bad_open_metrics = [
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF\n\n",
        "# TYPE a gauge\n\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\na 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x=\"1\"} 1\n# EOF\n",
        "# TYPE a gauge\n# TYPE b gauge\n# TYPE a gauge\n# EOF\n",
        "# TYPE a gauge\n# TYPE a gauge\n# EOF\n",
        "# TYPE a gauge\na 1\n# HELP a late\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\n# EOF\n",
        "# TYPE a gauge\na{x=\"\\q\"} 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\",} 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n# EOF\n",
        "# TYPE a gauge\na inf\n# EOF\n",
        "# TYPE a gauge\na 1 1700000000\n# EOF\n",
        "# TYPE a untyped\na 1\n# EOF\n",
        "# HELP a a \"raw\" quote\n# TYPE a gauge\na 1\n# EOF\n",
        "# TYPE d histogram\nd_bucket{le=\"+Inf\"} 2\nd_sum 3\nd_count 3\n# EOF\n",
        "# TYPE d histogram\nd_bucket{le=\"1\"} 3\nd_bucket{le=\"+Inf\"} 2\nd_sum 3\nd_count 2\n# EOF\n",
        "a 1\n# EOF\n",
    ];
    for text in bad_open_metrics {
        assert!(!refused(text, Format::OpenMetrics).is_empty(), "{text}");
    }
    let bad_text = [
        "# TYPE a info\na 1\n",
        "# TYPE a gauge\na 1",
        "# TYPE a counter\na 1\n",
        "# HELP a \\q\n# TYPE a gauge\na 1\n",
    ];
    for text in bad_text {
        assert!(!refused(text, Format::Text).is_empty(), "{text}");
    }
}

#[test]
fn differences_are_described() {
    let families = |text: &str| parse(text, Format::Text).expect("a good exposition").families();
    let one = families("# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n");
    let other = families("# TYPE a gauge\na{x=\"1\"} 3\na{x=\"3\"} 2\n# TYPE b gauge\nb 1\n");
    assert_eq!(differences(&one, &one), Vec::<String>::new());
    assert_eq!(
        differences(&one, &other),
        ["a{x=\"1\"}: expected 1, got 3", "missing: a{x=\"2\"} 2", "unexpected: a{x=\"3\"} 2", "unexpected: b{} 1"]
    );
}
