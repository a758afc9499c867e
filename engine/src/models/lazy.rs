//! Claims about what is made when it is first needed.

use super::{join, model, thread};
use crate::lazy_box::LazyBox;
use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};

/// Guards: lazy_publish, lazy_read.
#[test]
fn what_was_made_when_first_needed_is_seen_whole() {
    model(|| {
        let lazy = Arc::new(LazyBox::<AtomicU64>::empty());
        let reads = {
            let lazy = lazy.clone();
            thread::spawn(move || {
                if let Some(value) = lazy.get() {
                    assert_eq!(value.load(Relaxed), 7);
                }
            })
        };
        let made = lazy.get_or_make(|| {
            let value = AtomicU64::new(0);
            value.store(7, Relaxed);
            value
        });
        assert_eq!(made.load(Relaxed), 7);
        join(reads);
    });
}

#[test]
fn two_that_make_it_at_once_get_the_same() {
    model(|| {
        let lazy = Arc::new(LazyBox::empty());
        let threads = [1, 2].map(|mine| {
            let lazy = lazy.clone();
            thread::spawn(move || *lazy.get_or_make(|| mine))
        });
        let [a, b] = threads.map(join);
        assert!(a == b && lazy.get() == Some(&a));
    });
}
