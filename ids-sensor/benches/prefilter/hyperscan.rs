//! Hyperscan, loaded at run time if the machine has it: the yardstick beside our own prefilter. Nothing but this
//! benchmark uses it. Source: the developer reference guide of Hyperscan 5.4, chapter API reference.
#![allow(unsafe_code, reason = "the library is C")]

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

use libloading::{Library, Symbol};

const CASELESS: c_uint = 1;
const SINGLE_MATCH: c_uint = 8;
const MODE_BLOCK: c_uint = 1;

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;
type Compile = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    *const usize,
    c_uint,
    c_uint,
    *const c_void,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;
type AllocScratch = unsafe extern "C" fn(*const c_void, *mut *mut c_void) -> c_int;
type Scan =
    unsafe extern "C" fn(*const c_void, *const c_char, c_uint, c_uint, *mut c_void, OnMatch, *mut c_void) -> c_int;
type DatabaseSize = unsafe extern "C" fn(*const c_void, *mut usize) -> c_int;

/// The library.
pub(crate) struct Hyperscan(Library);

/// A set of literals, each told once a scan, with what one thread needs to search for them. Neither is given back: the
/// process ends with the benchmark.
pub(crate) struct Database {
    scan: Scan,
    database: *mut c_void,
    scratch: *mut c_void,
    /// Bytes that it takes.
    pub(crate) size: usize,
}

impl Hyperscan {
    /// The library, or `None` where the machine has none.
    pub(crate) fn load() -> Option<Self> {
        // SAFETY: loading runs the library's constructors; those of Hyperscan choose code for the processor.
        unsafe { Library::new("libhs.so.5") }.ok().map(Self)
    }

    fn symbol<T>(&self, name: &[u8]) -> Symbol<'_, T> {
        // SAFETY: each caller states the type that the reference guide gives for the name.
        unsafe { self.0.get(name) }.expect("a function of the library's interface")
    }

    /// Compiles literals, with whether case counts not.
    pub(crate) fn compile(&self, patterns: &[(Vec<u8>, bool)]) -> Database {
        let texts: Vec<_> = patterns.iter().map(|(bytes, _)| bytes.as_ptr().cast::<c_char>()).collect();
        let lengths: Vec<_> = patterns.iter().map(|(bytes, _)| bytes.len()).collect();
        let flag = |nocase: bool| SINGLE_MATCH | if nocase { CASELESS } else { 0 };
        let flags: Vec<_> = patterns.iter().map(|(_, nocase)| flag(*nocase)).collect();
        let ids: Vec<_> = (0..).take(patterns.len()).collect();
        let (mut database, mut error) = (ptr::null_mut(), ptr::null_mut());
        let count = c_uint::try_from(patterns.len()).expect("a rule set has fewer patterns");
        let compile: Symbol<'_, Compile> = self.symbol(b"hs_compile_lit_multi");
        // SAFETY: four arrays of `count` elements, which live through the call; no platform means this one.
        let result = unsafe {
            let (texts, flags) = (texts.as_ptr(), flags.as_ptr());
            let platform = ptr::null();
            compile(
                texts,
                flags,
                ids.as_ptr(),
                lengths.as_ptr(),
                count,
                MODE_BLOCK,
                platform,
                &mut database,
                &mut error,
            )
        };
        assert_eq!(result, 0, "Hyperscan refuses the patterns");
        let (mut scratch, mut size) = (ptr::null_mut(), 0);
        let alloc: Symbol<'_, AllocScratch> = self.symbol(b"hs_alloc_scratch");
        let measure: Symbol<'_, DatabaseSize> = self.symbol(b"hs_database_size");
        // SAFETY: the database was compiled above.
        let results = unsafe { [alloc(database, &mut scratch), measure(database, &mut size)] };
        assert_eq!(results, [0, 0], "Hyperscan has no memory");
        Database { scan: *self.symbol(b"hs_scan"), database, scratch, size }
    }
}

impl Database {
    /// Hands over the number of each literal that occurs.
    pub(crate) fn scan(&mut self, data: &[u8], found: &mut dyn FnMut(u32)) {
        extern "C" fn on_match(id: c_uint, _: c_ulonglong, _: c_ulonglong, _: c_uint, context: *mut c_void) -> c_int {
            // SAFETY: `scan` below hands over this very type, and waits.
            let found = unsafe { &mut *context.cast::<&mut dyn FnMut(u32)>() };
            found(id);
            0
        }
        let mut found = found;
        let length = c_uint::try_from(data.len()).expect("buffers are small");
        let context = (&raw mut found).cast();
        // SAFETY: database and scratch belong together; data and context live through the call.
        let result =
            unsafe { (self.scan)(self.database, data.as_ptr().cast(), length, 0, self.scratch, on_match, context) };
        assert_eq!(result, 0, "Hyperscan scans");
    }
}
