//! Claims about scrapes that come together. arc-swap is not ours to model: a lock stands in.

use super::{join, model, thread};
use crate::publish::Publisher;
use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};

type Reading = (u64, u64);

/// Guards: ticket_take, ticket_cover.
#[test]
fn a_scrape_sees_all_that_was_recorded_before_it_came() {
    model(|| {
        let cells = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let publisher = Arc::new(Publisher::<Reading>::default());
        let scrape = |mine: usize| {
            let (cells, publisher) = (cells.clone(), publisher.clone());
            move || {
                cells[mine].store(1, Relaxed);
                let read = |to: &mut Reading, _: &Reading| {
                    *to = (cells[0].load(Relaxed), cells[1].load(Relaxed))
                };
                let reading = publisher.read(read);
                assert_eq!([reading.0, reading.1][mine], 1, "a scrape missed its own record");
            }
        };
        let other = thread::spawn(scrape(1));
        scrape(0)();
        join(other);
    });
}

/// A published value that somebody still holds is never written again.
#[test]
fn a_reader_keeps_what_it_has() {
    model(|| {
        let publisher = Arc::new(Publisher::<Reading>::default());
        let scrapes = {
            let publisher = publisher.clone();
            thread::spawn(move || {
                for round in 1..=2 {
                    publisher.read(|to, _| *to = (round, round));
                }
            })
        };
        let held = publisher.latest();
        let before = *held;
        publisher.read(|to, _| *to = (9, 9));
        assert_eq!(*held, before);
        assert_eq!(before.0, before.1);
        join(scrapes);
    });
}
