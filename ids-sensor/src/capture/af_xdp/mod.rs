//! AF_XDP: packets between a queue of an interface and this process, without the network stack.
//!
//! In: an interface, a queue.  Out: frames that came in; frames go out by handing them back.
//! [`umem`] is the memory that both sides use, [`ring`] the queues that say whose turn it is with a frame,
//! [`socket`] one queue of one interface. Several sockets may share one memory, so that a frame goes from port to
//! port without being copied. Source: Documentation/networking/af_xdp.rst of the kernel.
//!
//! Memory is safe whatever the kernel writes into the rings: a [`umem::Frame`] is made once per frame, is never
//! copied, and comes back from the kernel only if the kernel has it.

pub mod busy_poll;
pub mod ring;
pub mod socket;
pub mod umem;

pub use busy_poll::BusyPoll;
pub use socket::Socket;
pub use umem::{Frame, Piece, Umem};
