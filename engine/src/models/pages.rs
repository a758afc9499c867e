//! Claims about pages and roots that a reader sees while their owner brings them.

use super::{Model, cell, join, model, record, thread};
use crate::shard::change::Add;
use crate::sync::Ordering::Relaxed;

/// Guards: page_publish, page_read.
#[test]
fn a_reader_sees_a_published_page_whole() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let shard = core.adopt().expect("below the limit");
        record(shard, cell(1), Add(1)); // the root is there; only the page is new
        let reader = thread::spawn(move || {
            assert!(core.sum(cell(0), Relaxed) <= 1); // each page has a witness
        });
        record(shard, cell(0), Add(1));
        join(reader);
        assert_eq!(core.sum(cell(0), Relaxed), 1);
    });
}

/// Guards: root_publish, root_read.
#[test]
fn growth_of_a_root_hides_no_page() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let shard = core.adopt().expect("below the limit");
        record(shard, cell(0), Add(1));
        let reader = thread::spawn(move || {
            assert_eq!(core.sum(cell(0), Relaxed), 1, "an old page is gone");
        });
        record(shard, cell(1), Add(1));
        join(reader);
        assert_eq!(core.sum(cell(0), Relaxed) + core.sum(cell(1), Relaxed), 2);
    });
}

#[test]
fn the_shared_shard_grows_under_its_users() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let touch = move |page| {
            let page = core.shared_page(page).expect("memory");
            page.cells()[0].fetch_add(1, Relaxed);
        };
        let threads = [0, 1].map(|page| thread::spawn(move || touch(page)));
        threads.into_iter().for_each(join);
        assert_eq!(core.sum(cell(0), Relaxed) + core.sum(cell(1), Relaxed), 2);
    });
}
