//! Hints to the processor. Upstream: encoders that walk a long text. Downstream: the cache.

/// Asks for the line of the cache that has the byte at `at`, which will be needed soon. Does nothing where
/// there is no such byte, and on processors other than x86-64.
#[inline]
pub fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a byte that is borrowed, and nothing but the cache changes.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}
