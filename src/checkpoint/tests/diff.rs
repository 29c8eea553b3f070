//! Checks that only changes are written.

use proptest::prelude::*;

use super::*;

/// A list as it is stored.
pub(super) fn stored(store: &Store, name: &str) -> Vec<(u64, Vec<u8>)> {
    let read = store.with("read", |database| {
        let Some(list) = list(&database.begin_read()?, name)? else { return Ok(Vec::new()) };
        let items = list.iter()?.map(|entry| entry.map(|(number, bytes)| (number.value(), bytes.value().to_vec())));
        Ok(items.collect::<Result<_, _>>()?)
    });
    read.expect("a store that can be read")
}

const ROWS: &str = "prod/containers/served/defenders/rows";

#[test]
fn a_changed_removed_or_added_row_leaves_the_others_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir);
    let save = |table: &Table<Defenders>| {
        slot(&store).save(&only(table.clone()), &saved_data()).expect("saved");
        let (tables, _) = slot(&store).load().served.expect("what was saved");
        assert_eq!(shown(&tables), shown(&only(table.clone())));
        stored(&store, ROWS)
    };
    let mut table = defenders(0..100);
    let first = save(&table);
    assert_eq!(first.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    assert_eq!(save(&table), first);

    table.get_mut("10").expect("a row").connected = 0;
    let changed = save(&table);
    let different: Vec<_> = first.iter().zip(&changed).filter(|(one, two)| one != two).collect();
    assert!(different.len() == 1 && different[0].1.0 == 10 && changed.len() == 100);

    table.retain(|defenders| defenders.connected % 10 != 5);
    let fewer = save(&table);
    let kept: Vec<_> = changed.iter().filter(|(number, _)| number % 10 != 5).cloned().collect();
    assert_eq!(fewer, kept);

    let kind = table.names.intern("kind 1");
    table.put("new", Defenders { kind, connected: 1, deployed: 1 });
    let more = save(&table);
    assert_eq!((&more[..90], more.len(), more[90].0), (&*fewer, 91, 100));

    table.retain(|_| false);
    assert_eq!(save(&table), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_state_after_any_other_is_stored_exactly(
        rounds in prop::collection::vec(prop::collection::vec((0_u64..12, 0_u64..3, 0_u64..4), 0..16), 1..8)
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = open(&dir);
        for round in rounds {
            let mut table = Table::default();
            for (key, connected, kind) in round {
                let kind = table.names.intern(&format!("kind {kind}"));
                table.put(&key.to_string(), Defenders { kind, connected, deployed: key });
            }
            slot(&store).save_walk(&table, b"here").expect("saved");
            let (walked, _) = slot(&store).load().walk.expect("what was saved");
            prop_assert_eq!(shown(&walked), shown(&only(table.clone())));
            slot(&store).save(&only(table.clone()), &saved_data()).expect("saved");
            let (tables, _) = slot(&store).load().served.expect("what was saved");
            prop_assert_eq!(shown(&tables), shown(&only(table)));
        }
    }
}
