//! Tells who was over a limit of `ips.flood`.
//!
//! In: the kernel stage's counters and buckets.  Out: `flood` records, one a second for each source at most.

use ids_ebpf::flood::Limit;

use super::status;
use crate::kernel::clock::wall;
use crate::live::Live;
use crate::output::renderer::Renderer;
use crate::output::sink::Flooded;

/// What was seen so far.
pub(super) struct Watch {
    dry_run: bool,
    /// Packets over a limit, as counted at the latest look.
    seen: u64,
    /// Looking failed the last time.
    failed: bool,
}

impl Watch {
    /// A watch, if there is any limit.
    pub(super) fn new(limits: [Limit; 2]) -> Option<Self> {
        let set = limits.iter().find(|limit| limit.is_set())?;
        Some(Self { dry_run: set.dry_run != 0, seen: 0, failed: false })
    }

    /// Tells what is new. Buckets are only looked through if counters have risen.
    pub(super) fn look(&mut self, live: &Live, renderer: &mut Renderer) {
        match self.tell(live, renderer) {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::warn!(%error, "who is over a limit cannot be told");
            }
            Err(_) => {}
        }
    }

    fn tell(&mut self, live: &Live, renderer: &mut Renderer) -> Result<(), crate::live::Error> {
        let over = status::over_limits(&live.status()?);
        if over == self.seen {
            return Ok(());
        }
        self.seen = over;
        let found = live.tables().floods.since()?;
        for flood in found {
            renderer.flood(&Flooded { time: wall(), flood, dry_run: self.dry_run });
        }
        renderer.hand_over();
        Ok(())
    }
}
