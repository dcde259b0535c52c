//! The maps as the program declares them, and as the decisions see them.

use aya_ebpf::btf_maps::{Array as InnerArray, ArrayOfMaps};
use aya_ebpf::helpers::{bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, DevMap, HashMap, LruHashMap, PerCpuArray, XskMap};
use ids_ebpf::block::HostBlock;
use ids_ebpf::config::PortConfig;
use ids_ebpf::decide::Tables;
use ids_ebpf::flood::{Bucket, Kind, Limit, Source};
use ids_ebpf::flow::{Addr, FlowBlock, FlowKey, Released};
use ids_ebpf::interest::Interest;
use ids_ebpf::map::{ALLOWED, BLOCKED, BLOCKED_HOSTS, QUEUES, RELEASED, SOURCES, TABLES, Table};
use ids_ebpf::outcome::Stats;
use ids_ebpf::shared::Shared;

/// Entries are made when userspace inserts them, not all at once (`BPF_F_NO_PREALLOC`).
const NO_PREALLOC: u32 = 1;

#[map]
pub(super) static CONFIG: Array<PortConfig> = Array::with_max_entries(1, 0);
#[map]
pub(super) static HEARTBEAT: Array<u64> = Array::with_max_entries(QUEUES, 0);
#[map]
pub(super) static XSKS: XskMap = XskMap::with_max_entries(QUEUES, 0);
#[map]
pub(super) static PORTS: DevMap = DevMap::with_max_entries(1, 0);
#[map]
pub(super) static STATS: PerCpuArray<Stats> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(super) static COPIES: PerCpuArray<Stats> = PerCpuArray::with_max_entries(2, 0);

#[map]
static ALLOW4: LpmTrie<[u8; 4], u32> = LpmTrie::with_max_entries(ALLOWED, 0);
#[map]
static ALLOW6: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(ALLOWED, 0);
#[map]
static HOSTS4: HashMap<[u8; 4], Shared<HostBlock>> = HashMap::with_max_entries(BLOCKED_HOSTS, NO_PREALLOC);
#[map]
static BLOCK4: LpmTrie<[u8; 4], Shared<HostBlock>> = LpmTrie::with_max_entries(BLOCKED_HOSTS, 0);
#[map]
static BLOCK6: LpmTrie<[u8; 16], Shared<HostBlock>> = LpmTrie::with_max_entries(BLOCKED_HOSTS, 0);
#[map]
static BLOCKED_FLOWS: HashMap<FlowKey, Shared<FlowBlock>> = HashMap::with_max_entries(BLOCKED, NO_PREALLOC);
#[map]
static RELEASED_FLOWS: HashMap<FlowKey, Shared<Released>> = HashMap::with_max_entries(RELEASED, NO_PREALLOC);
#[map]
static FLOOD_LIMITS: Array<Limit> = Array::with_max_entries(Kind::ALL.len() as u32, 0);
#[map]
static FLOOD_SOURCES: LruHashMap<Source, Shared<Bucket>> = LruHashMap::with_max_entries(SOURCES, 0);
#[map]
static IN_USE: Array<u32> = Array::with_max_entries(TABLES, 0);
#[btf_map]
static INTEREST: ArrayOfMaps<InnerArray<Interest, 1>, 1> = ArrayOfMaps::new();

/// All maps that decisions look into.
pub(super) struct Maps;

/// Whether a lookup can find anything. It costs a tenth of the lookup that it may save.
#[inline(always)]
fn in_use(table: Table) -> bool {
    // SAFETY: a plain read of a map's value, which userspace writes whole.
    IN_USE.get_ptr(table as u32).is_none_or(|used| unsafe { used.read_volatile() } != 0)
}

impl Tables for Maps {
    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: the helper has no conditions.
        unsafe { bpf_ktime_get_ns() }
    }

    #[inline(always)]
    fn tick(&self) -> u64 {
        // SAFETY: the helper has no conditions.
        unsafe { bpf_ktime_get_coarse_ns() }
    }

    #[inline(always)]
    fn allowed(&self, version: u8, addr: Addr) -> bool {
        match version {
            4 => ALLOW4.get(Key::new(32, addr.v4_bytes())).is_some(),
            _ => ALLOW6.get(Key::new(128, addr.bytes())).is_some(),
        }
    }

    #[inline(always)]
    fn host(&self, version: u8, addr: Addr) -> Option<&Shared<HostBlock>> {
        if version == 4 && in_use(Table::Hosts4) {
            // SAFETY: an entry that is deleted meanwhile stays readable until this program run ends; fields are
            // accessed one by one (`Shared`).
            let host = unsafe { HOSTS4.get(addr.v4_bytes()) };
            if host.is_some() {
                return host;
            }
        }
        match version {
            4 if in_use(Table::Block4) => BLOCK4.get(Key::new(32, addr.v4_bytes())),
            6 if in_use(Table::Block6) => BLOCK6.get(Key::new(128, addr.bytes())),
            _ => None,
        }
    }

    #[inline(always)]
    fn limit(&self, kind: Kind) -> Option<Limit> {
        FLOOD_LIMITS.get(kind as u32).copied().filter(Limit::is_set)
    }

    #[inline(always)]
    fn bucket(&self, source: &Source, limit: &Limit) -> Option<&Shared<Bucket>> {
        // SAFETY: an entry that makes room for another one meanwhile stays readable until this program run ends;
        // fields are accessed one by one (`Shared`).
        let found = unsafe { FLOOD_SOURCES.get(source) };
        if found.is_none() {
            let first = Bucket { full_at: self.now().wrapping_add(limit.cost), over: 0 };
            // Without room, which an LRU map makes, the source is not limited yet.
            let _ = FLOOD_SOURCES.insert(source, Shared::new(first), 0);
        }
        found
    }

    #[inline(always)]
    fn over_limit(&self, kind: Kind, length: u64) {
        let Some(stats) = STATS.get_ptr_mut(0) else { return };
        // SAFETY: this CPU's own value; XDP programs on one CPU do not interrupt each other.
        let counts = unsafe { &mut (*stats).over_limit };
        // Constant places stay known to the verifier.
        match kind {
            Kind::Syn => counts[0].add(length),
            Kind::Udp => counts[1].add(length),
        }
    }

    #[inline(always)]
    fn flow(&self, key: &FlowKey) -> Option<&Shared<FlowBlock>> {
        if !in_use(Table::BlockedFlows) {
            return None;
        }
        // SAFETY: an entry that is deleted meanwhile stays readable until this program run ends; fields are
        // accessed one by one (`Shared`).
        unsafe { BLOCKED_FLOWS.get(key) }
    }

    #[inline(always)]
    fn released(&self, key: &FlowKey) -> Option<&Shared<Released>> {
        if !in_use(Table::ReleasedFlows) {
            return None;
        }
        // SAFETY: as above.
        unsafe { RELEASED_FLOWS.get(key) }
    }

    #[inline(always)]
    fn interest(&self) -> Option<&Interest> {
        INTEREST.get_value(0, &0)
    }
}
