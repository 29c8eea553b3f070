//! Bodies that are nearly JSON.

use proptest::prelude::*;

use crate::wire::text;

fn repaired(body: &str) -> Option<String> {
    text(body.as_bytes()).repaired().map(str::to_owned)
}

#[test]
fn halves_of_characters_and_huge_numbers_are_replaced() {
    for (body, expected) in [
        (r#"["n\ud800"]"#, r#"["n\ufffd"]"#),
        (r#"["\uDC00\ud83d\ude00\uD83D"]"#, r#"["\ufffd\ud83d\ude00\ufffd"]"#),
        (r#"["\ud83d\ud83d\ude00é"]"#, r#"["\ufffd\ud83d\ude00é"]"#),
        (r#"{"a":1e999,"b":-1E+400}"#, r#"{"a":1e300,"b":-1e300}"#),
    ] {
        assert_eq!(repaired(body).as_deref(), Some(expected), "{body}");
    }
    for whole in [r#"["\ud83d\ude00\\ud800","1e999","\"1e999"]"#, "[1e99,0.5,-3]", "", "\"\\", "\"\\u", "\"\\é\\ud8"] {
        assert_eq!(repaired(whole), None, "{whole}");
    }
}

proptest! {
    #[test]
    fn any_text_is_repaired_once(body in r#"("|\\|\\u|d8|dc|00|[0-9]|e|é|\[|,){0,30}"#) {
        if let Some(once) = repaired(&body) {
            prop_assert_eq!(repaired(&once), None);
        }
    }

    #[test]
    fn valid_json_is_left_alone(text in ".{0,30}", number in any::<f64>()) {
        let body = serde_json::to_string(&(text, number)).unwrap();
        prop_assert_eq!(repaired(&body), None);
    }
}
