//! Single values in every notation.

use crate::wire::FieldState::{self, Absent, Present, Unreadable};
use crate::wire::{Count, Field, Flag, Length, Number, Read, Text, Time, Words};

fn all<'a, T: Field<'a>>(texts: &[&'a str]) -> Vec<T> {
    texts.iter().map(|text| serde_json::from_str::<Read<T>>(text).unwrap().0).collect()
}

fn states<'a, T: Field<'a>>(texts: &[&'a str]) -> Vec<FieldState> {
    texts.iter().map(|text| serde_json::from_str::<Read<T>>(text).unwrap().1).collect()
}

const NOTHING: [&str; 4] = ["null", "\"\"", "\"None\"", "\" \""];

#[test]
fn counts_are_numbers_or_text() {
    let six = ["6", "\"6\"", "6.0", "\"6.0\"", "\" 6 \""];
    assert_eq!(all::<Count>(&six), [Count(Some(6)); 5]);
    assert_eq!(all::<Count>(&["0", "9007199254740992"]), [Count(Some(0)), Count(Some(1 << 53))]);
    assert_eq!((all::<Count>(&NOTHING), states::<Count>(&NOTHING)), (vec![Count(None); 4], vec![Absent; 4]));
    let wrong = ["-1", "\"-1\"", "1.5", "true", "[]", "{}", "\"six\"", "9007199254740993", "1e300", "\"1e300\""];
    assert_eq!((all::<Count>(&wrong), states::<Count>(&wrong)), (vec![Count(None); 10], vec![Unreadable; 10]));
}

#[test]
fn flags_are_booleans_words_or_numbers() {
    let flags = all::<Flag>(&["true", "\"false\"", "0", "1", "\"TRUE\""]);
    assert_eq!(flags, [true, false, false, true, true].map(|flag| Flag(Some(flag))));
    assert_eq!(states::<Flag>(&NOTHING), [Absent; 4]);
    assert_eq!(states::<Flag>(&["2", "\"maybe\"", "{}", "[true]"]), [Unreadable; 4]);
}

#[test]
fn numbers_may_be_negative_and_texts_may_be_numbers() {
    assert_eq!(all::<Number>(&["258", "\"64.7\"", "-1"]), [258.0, 64.7, -1.0].map(|number| Number(Some(number))));
    assert_eq!(states::<Number>(&NOTHING), [Absent; 4]);
    assert_eq!(states::<Number>(&["\"NaN\"", "\"inf\"", "{\"value\":258}", "true", "-1e300"]), [Unreadable; 5]);
    for (written, read) in
        [("3", "3"), ("\"3\"", "3"), ("45049", "45049"), ("true", "true"), ("\"a\\\"b\"", "a\"b"), ("\" \"", " ")]
    {
        assert_eq!((all::<Text<'_>>(&[written])[0].get(), states::<Text<'_>>(&[written])), (read, vec![Present]));
    }
    assert_eq!(states::<Text<'_>>(&NOTHING[..3]), [Absent; 3]);
    assert_eq!(states::<Text<'_>>(&["[\"a\"]", "{}"]), [Unreadable; 2]);
}

#[test]
fn times_that_mean_never_are_absent() {
    let never = ["0", "-1", "\"0\"", "\"0001-01-01T00:00:00Z\""];
    assert_eq!((states::<Time>(&never), states::<Time>(&NOTHING)), (vec![Absent; 4], vec![Absent; 4]));
    assert_eq!(states::<Time>(&["1683622183866", "\"1683622183\"", "1683622183866.5"]), [Present; 3]);
    assert_eq!(states::<Time>(&["true", "\"soon\"", "{}", "1683622183866000", "1e300"]), [Unreadable; 5]);
}

#[test]
fn texts_occur_alone_in_lists_and_in_lists_of_lists() {
    for (json, words, state) in [
        ("\"a\"", vec!["a"], Present),
        (r#"["a",null,"b","None",""]"#, vec!["a", "b", ""], Present),
        ("\"\"", vec![], Absent),
        (r#"[["PCI","HIPAA"],["GDPR"]]"#, vec!["PCI", "HIPAA", "GDPR"], Present),
        ("[1,true]", vec!["1", "true"], Present),
        ("[]", vec![], Absent),
        ("[null,[]]", vec![], Absent),
        ("null", vec![], Absent),
        (r#"["a",{"b":1}]"#, vec!["a"], Unreadable),
        (r#"[[["a"]],"b"]"#, vec!["b"], Unreadable),
        ("{}", vec![], Unreadable),
    ] {
        let read = all::<Words<'_>>(&[json]);
        assert_eq!((read[0].iter().collect::<Vec<_>>(), states::<Words<'_>>(&[json])[0]), (words, state), "{json}");
    }
    assert_eq!(all::<Length>(&["[]", "[1,{},null]", "null"]), [Length(Some(0)), Length(Some(3)), Length(None)]);
    assert_eq!(
        states::<Length>(&["[]", "null", "\"\"", "{}", "3", "\"a\""]),
        [Present, Absent, Absent, Unreadable, Unreadable, Unreadable]
    );
}
