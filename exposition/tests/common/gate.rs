//! A place in a collector or a handler where a test decides when it goes on.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::PATIENCE;

/// The test's side.
pub(crate) struct Gate {
    reached: Receiver<()>,
    open: SyncSender<()>,
}

/// A gate and what passes through it.
pub(crate) fn gate() -> (Gate, impl Fn() + Send + Sync + 'static) {
    let (reach, reached) = sync_channel(1000);
    let (open, opened) = sync_channel::<()>(1000);
    let opened = Mutex::new(opened);
    let pass = move || {
        // A test that has ended waits for nothing.
        let _ = reach.send(());
        let _ = opened.lock().unwrap().recv();
    };
    (Gate { reached, open }, pass)
}

impl Gate {
    /// Waits until somebody stands before it.
    pub(crate) fn is_reached(&self) {
        self.reached.recv_timeout(PATIENCE).unwrap();
    }

    /// Whether somebody has come who was not waited for.
    pub(crate) fn was_reached(&self) -> bool {
        self.reached.try_recv().is_ok()
    }

    /// Lets one pass.
    pub(crate) fn open(&self) {
        self.open.send(()).unwrap();
    }
}
