//! Dotted keys of clouds.

use crate::source::qualys::wire::Cloud;
use crate::wire::FieldState::{self, Absent, Present, Unreadable};
use crate::wire::Read;

fn read(json: &str) -> ([String; 3], FieldState) {
    let Read(cloud, state) = serde_json::from_str::<Read<Cloud<'_>>>(json).unwrap();
    ([cloud.provider(), cloud.account(), cloud.region()].map(str::to_owned), state)
}

fn found(cloud: [&str; 3], state: FieldState) -> ([String; 3], FieldState) {
    (cloud.map(str::to_owned), state)
}

#[test]
fn the_first_key_that_has_a_value_counts() {
    assert_eq!(
        read(
            r#"{"aws.eks.region":"us-east-1","aws.ecs.container.subnetId":null,"aws.eks.accountId":362440600222,
                "aws.ecs.accountId":null,"aws.ecs.region.code":"","aws.other":{"nested":[1]}}"#
        ),
        found(["aws", "362440600222", "us-east-1"], Present)
    );
    assert_eq!(
        read(r#"{"gcp.region":"z","aws.ec2.region.code":"b","Azure\u002evm.accountId":"7"}"#),
        found(["Azure", "7", "b"], Present)
    );
    assert_eq!(read("{}"), found(["", "", ""], Absent));
    assert_eq!(read("null"), found(["", "", ""], Absent));
    assert_eq!(read(r#"{"aws":null,"region":"not dotted"}"#), found(["aws", "", ""], Present));
}

#[test]
fn another_shape_is_unreadable() {
    assert_eq!(read(r#"{"aws.region":{"code":"x"},"aws.accountId":7}"#), found(["aws", "7", ""], Unreadable));
    for wrong in [r#"["aws"]"#, r#""aws""#, "5"] {
        assert_eq!(read(wrong), found(["", "", ""], Unreadable), "{wrong}");
    }
}
