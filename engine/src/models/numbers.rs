//! Claims about page numbers that are returned and taken again.

use super::{Model, cell, join, model, record, thread};
use crate::shard::change::Add;
use crate::shard::groups::Groups;
use crate::sync::{Arc, Ordering::Relaxed};

/// Guards: number_free, number_take.
#[test]
fn a_number_comes_back_with_zeroed_cells() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let number = core.numbers.take().expect("a free number");
        let shard = core.adopt().expect("below the limit");
        record(shard, cell(number), Add(5)); // the last handle goes with this thread's record
        let returns = thread::spawn(move || core.give_back(number));
        let takes = thread::spawn(move || {
            let again = core.numbers.take().expect("a free number");
            assert_eq!(core.sum(cell(again), Relaxed), 0, "an old value in a new series");
        });
        join(returns);
        join(takes);
    });
}

/// Guards: group_publish, group_read.
#[test]
fn a_page_that_another_thread_took_is_zero_for_a_thread_that_wrote_to_it_before() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let number = core.numbers.take().expect("a free number");
        let shard = core.adopt().expect("below the limit");
        record(shard, cell(number), Add(5)); // for the number's last series
        let groups = Arc::new(Groups::new(1)); // of its next
        let other = {
            let groups = groups.clone();
            thread::spawn(move || {
                core.give_back(number);
                groups.page(0, &core.numbers).expect("a free number");
            })
        };
        let again = groups.page(0, &core.numbers).expect("a free number");
        record(shard, cell(again as u32), Add(1));
        join(other);
        assert_eq!(core.sum(cell(again as u32), Relaxed), 1, "an old value in a new series");
    });
}

#[test]
fn no_number_is_taken_twice() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let threads = [0, 1].map(|_| thread::spawn(move || core.numbers.take()));
        let [a, b] = threads.map(join);
        assert!(a.is_some() && b.is_some() && a != b);
    });
}
