//! Paths of options: their parts, the value at a path, and their notation.

use figment::value::Value;

/// The parts of a key as a person writes it.
pub(super) fn parts(key: &str) -> Vec<String> {
    key.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The value at `path`, whose parts are keys of tables and positions in lists.
pub(super) fn at<'v>(tree: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(tree, |value, part| match value {
        Value::Dict(_, table) => table.get(part),
        Value::Array(_, list) => list.get(part.parse::<usize>().ok()?),
        Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => None,
    })
}

/// Sets the value at `path`, or removes it.
pub(super) fn replace(tree: &mut Value, path: &[String], value: Option<Value>) {
    let Some((part, rest)) = path.split_first() else {
        if let Some(value) = value {
            *tree = value;
        }
        return;
    };
    match tree {
        Value::Dict(_, table) => match (rest.is_empty(), value) {
            (true, None) => drop(table.remove(part)),
            (true, Some(value)) => drop(table.insert(part.clone(), value)),
            (false, value) => {
                if let Some(inner) = table.get_mut(part) {
                    replace(inner, rest, value);
                }
            }
        },
        Value::Array(_, list) => {
            if let Some(inner) = part.parse::<usize>().ok().and_then(|place| list.get_mut(place)) {
                replace(inner, rest, value);
            }
        }
        Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
    }
}

/// `path` as a person writes it: `source.qualys[0].name`.
pub(super) fn key(tree: &Value, path: &[String]) -> String {
    let mut key = String::new();
    for (depth, part) in path.iter().enumerate() {
        match at(tree, &path[..depth]) {
            Some(Value::Array(..)) => key.extend(["[", part, "]"]),
            _ if depth == 0 => key.push_str(part),
            _ => key.extend([".", part]),
        }
    }
    key
}
