//! Memory of one call: all linear memories and tables together.

use wasmtime::ResourceLimiter;

/// Bytes that one table element costs the host.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// Counts growth and remembers a refusal: to the guest, a refused growth is a
/// failed allocation, and most guests then execute `unreachable`. The true cause
/// is read from here.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: usize,
    used: usize,
    refused: Option<usize>,
}

impl Meter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: None }
    }

    /// Most bytes in use so far. Linear memory never shrinks, so the current use
    /// is the peak.
    pub(crate) fn peak(&self) -> usize {
        self.used
    }

    /// The size, in total, that was asked for and refused.
    pub(crate) fn refused(&self) -> Option<usize> {
        self.refused
    }

    fn grow(&mut self, by: usize) -> bool {
        match self.used.checked_add(by) {
            Some(total) if total <= self.limit => {
                self.used = total;
                true
            }
            total => {
                self.refused = Some(total.unwrap_or(usize::MAX));
                false
            }
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT)))
    }

    // Components of other languages hold dozens of core modules and tables; the
    // bytes are what is bounded, and the pool bounds the counts.
    fn instances(&self) -> usize {
        256
    }

    fn tables(&self) -> usize {
        256
    }

    fn memories(&self) -> usize {
        64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut meter = Meter::new(1_000);
        assert!(meter.memory_growing(0, 500, None).unwrap());
        assert!(meter.memory_growing(0, 400, None).unwrap());
        assert!(!meter.table_growing(0, 100, None).unwrap());
        assert_eq!(meter.refused(), Some(900 + 100 * TABLE_ELEMENT));
        assert_eq!(meter.peak(), 900);
        assert!(meter.table_growing(0, 12, None).unwrap());
    }

    #[test]
    fn an_overflowing_request_is_refused() {
        let mut meter = Meter::new(usize::MAX);
        assert!(meter.memory_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(0, usize::MAX, None).unwrap());
        assert_eq!(meter.refused(), Some(usize::MAX));
    }
}
