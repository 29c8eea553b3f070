//! The shapes of policy rules.

use crate::source::qualys::wire::RuleRow;
use crate::wire::Nested;

#[test]
fn a_rules_number_has_many_forms() {
    let value = |meta_data: &str| {
        let json = format!(r#"{{"type":"X","metaData":{meta_data}}}"#);
        serde_json::from_str::<Nested<RuleRow<'_>>>(&json).unwrap().0.unwrap().value()
    };
    for (meta_data, number) in [
        (r#""{\"value\":1000}""#, Some(1000.0)),
        (r#""{\"value\":\"1000\"}""#, Some(1000.0)),
        (r#"" {\"other\":[1], \"value\" : 30.5} ""#, Some(30.5)),
        (r#"{"value":180}"#, Some(180.0)),
        (r#"{"value":"180","unit":{"of":"days"}}"#, Some(180.0)),
        (r#"{"value":0}"#, Some(0.0)),
        ("180", Some(180.0)),
        ("\"180\"", Some(180.0)),
        ("null", None),
        ("\"\"", None),
        ("\"null\"", None),
        (r#"{"value":null}"#, None),
        (r#"{"value":-1}"#, None),
        (r#"{"value":["nginx"]}"#, None),
        (r#"{"value":"soon"}"#, None),
        ("{}", None),
        ("[7]", None),
        ("true", None),
        ("\"{\"", None),
    ] {
        assert_eq!(value(meta_data), number, "{meta_data}");
    }
    assert_eq!(serde_json::from_str::<Nested<RuleRow<'_>>>("{}").unwrap().0.unwrap().value(), None);
}
