//! From the handshake on: what a packet means while bytes flow, while the connection closes, and after.
//!
//! Source: RFC 9293 §3.10.7.4; acknowledgments and resets: RFC 5961; timestamps: RFC 7323.

use super::session::{Session, State};
use super::{Refusal, Step, Taken};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::field::Dir;
use crate::wire::tcp::Flags;

/// What the faults of a packet are called in a state.
struct Names {
    /// It lies outside of the window.
    wrong_seq: Anomaly,
    /// … and carries a FIN.
    fin_wrong_seq: Anomaly,
    /// It acknowledges what cannot have been sent.
    invalid_ack: Anomaly,
    /// … and carries a FIN.
    fin_invalid_ack: Anomaly,
    /// It ends before what was acknowledged.
    old: Option<Anomaly>,
}

const ESTABLISHED: Names = Names {
    wrong_seq: Anomaly::StreamEstPacketOutOfWindow,
    fin_wrong_seq: Anomaly::StreamFinOutOfWindow,
    invalid_ack: Anomaly::StreamEstInvalidAck,
    fin_invalid_ack: Anomaly::StreamFinInvalidAck,
    old: Some(Anomaly::StreamEstPktBeforeLastAck),
};

const FIN_WAIT1: Names = Names {
    wrong_seq: Anomaly::StreamFin1AckWrongSeq,
    fin_wrong_seq: Anomaly::StreamFin1FinWrongSeq,
    invalid_ack: Anomaly::StreamFin1InvalidAck,
    fin_invalid_ack: Anomaly::StreamFin1InvalidAck,
    old: None,
};

const FIN_WAIT2: Names = Names {
    wrong_seq: Anomaly::StreamFin2AckWrongSeq,
    fin_wrong_seq: Anomaly::StreamFin2FinWrongSeq,
    invalid_ack: Anomaly::StreamFin2InvalidAck,
    fin_invalid_ack: Anomaly::StreamFin2InvalidAck,
    old: None,
};

const TIME_WAIT: Names = Names {
    wrong_seq: Anomaly::StreamTimewaitAckWrongSeq,
    fin_wrong_seq: Anomaly::StreamTimewaitAckWrongSeq,
    invalid_ack: Anomaly::StreamTimewaitInvalidAck,
    fin_invalid_ack: Anomaly::StreamTimewaitInvalidAck,
    old: None,
};

const LAST_ACK: Names = Names {
    wrong_seq: Anomaly::StreamLastackAckWrongSeq,
    fin_wrong_seq: Anomaly::StreamLastackAckWrongSeq,
    invalid_ack: Anomaly::StreamLastackInvalidAck,
    fin_invalid_ack: Anomaly::StreamLastackInvalidAck,
    old: None,
};

const CLOSE_WAIT: Names = Names {
    wrong_seq: Anomaly::StreamClosewaitAckOutOfWindow,
    fin_wrong_seq: Anomaly::StreamClosewaitFinOutOfWindow,
    invalid_ack: Anomaly::StreamClosewaitInvalidAck,
    fin_invalid_ack: Anomaly::StreamClosewaitInvalidAck,
    old: Some(Anomaly::StreamClosewaitPktBeforeLastAck),
};

const CLOSING: Names = Names {
    wrong_seq: Anomaly::StreamClosingAckWrongSeq,
    fin_wrong_seq: Anomaly::StreamClosingAckWrongSeq,
    invalid_ack: Anomaly::StreamClosingInvalidAck,
    fin_invalid_ack: Anomaly::StreamClosingInvalidAck,
    old: None,
};

impl Session {
    /// Bytes flow.
    pub(super) fn established(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.flags().has(Flags::SYN) && !step.flags().has(Flags::RST) {
            let Some(anomaly) = self.late_syn(step) else { return Ok(()) };
            step.note(anomaly);
            return Err(Refusal::Invalid);
        }
        self.take(step, &ESTABLISHED)?;
        if step.flags().has(Flags::FIN) && !self.one_sided && self.state == State::Established {
            self.state = match step.dir {
                Dir::ToServer => State::CloseWait,
                Dir::ToClient => State::FinWait1,
            };
        }
        Ok(())
    }

    /// The server ended its stream.
    pub(super) fn fin_wait1(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        self.take_closing(step, &FIN_WAIT1)?;
        let acked = self.server.fin_acked();
        self.go(
            State::FinWait1,
            match (self.client.fin.is_some(), acked) {
                (true, true) => State::TimeWait,
                (true, false) => State::Closing,
                (false, true) => State::FinWait2,
                (false, false) => State::FinWait1,
            },
        );
        Ok(())
    }

    /// … and the client acknowledged that.
    pub(super) fn fin_wait2(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        self.take_closing(step, &FIN_WAIT2)?;
        if self.client.fin.is_some() {
            self.go(State::FinWait2, State::TimeWait);
        }
        Ok(())
    }

    /// … and the client ended its own.
    pub(super) fn time_wait(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        self.take_closing(step, &TIME_WAIT)?;
        self.close_if_done(State::TimeWait);
        Ok(())
    }

    /// The client ended its stream. A server that ends its own before bytes it has sent takes those back, which nobody may.
    pub(super) fn close_wait(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let (flags, end) = (step.flags(), self.start(step) + step.len());
        let first_fin = flags.has(Flags::FIN) && self.half_ref(step.dir).fin.is_none();
        if first_fin && !flags.any(Flags::SYN | Flags::RST) && end < self.half_ref(step.dir).next {
            step.note(Anomaly::StreamClosewaitFinOutOfWindow);
            return Err(Refusal::Invalid);
        }
        self.take_closing(step, &CLOSE_WAIT)?;
        if self.server.fin.is_some() {
            self.go(State::CloseWait, State::LastAck);
        }
        Ok(())
    }

    /// … then the server its own.
    pub(super) fn last_ack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        self.take_closing(step, &LAST_ACK)?;
        self.close_if_done(State::LastAck);
        Ok(())
    }

    /// Both ended their streams at the same time.
    pub(super) fn closing(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        self.take_closing(step, &CLOSING)?;
        if self.server.fin_acked() {
            self.go(State::Closing, State::TimeWait);
        }
        self.close_if_done(State::TimeWait);
        Ok(())
    }

    /// Over.
    pub(super) fn closed(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let flags = step.flags();
        if flags.has(Flags::RST) {
            return Ok(());
        }
        // A server that refused a SYN does not answer it.
        let answers = step.is_synack() && self.reset_by == Some((step.dir, State::SynSent));
        if flags.has(Flags::SYN) && !answers {
            step.note(Anomaly::StreamShutdownSynResend);
            return Err(Refusal::Invalid);
        }
        match self.reset_by {
            Some((by, before)) if by == step.dir => self.after_own_reset(before, step),
            Some(_) => self.after_reset(step),
            None if step.tcp.payload.is_empty() => Ok(()),
            None => Err(Refusal::Invalid),
        }
    }

    /// Who is said to have sent a reset goes on: somebody else sent it, or meant the sensor alone to see it. The
    /// connection lives.
    fn after_own_reset(&mut self, before: State, step: &mut Step<'_, '_, '_>) -> Taken {
        self.state = before;
        let taken = self.dispatch(step);
        if taken.is_err() {
            self.state = State::Closed;
            return taken;
        }
        step.note(Anomaly::StreamSuspectedRstInject);
        self.reset_by = None;
        self.client.assembly.reopen();
        self.server.assembly.reopen();
        taken
    }

    /// Who was sent a reset goes on: the packets crossed. Should the reset turn out to be false, their data counts.
    fn after_reset(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let (start, length) = (self.start(step), step.len());
        if length > 0 && self.half_ref(step.dir).may_send(start, length) {
            let sender = self.half(step.dir);
            sender.next = sender.next.max(start + length);
            self.store(start, step);
        }
        Err(Refusal::Invalid)
    }

    /// Goes to another state unless a reset has closed the connection meanwhile.
    fn go(&mut self, from: State, to: State) {
        if self.state == from {
            self.state = to;
        }
    }

    fn close_if_done(&mut self, from: State) {
        if self.client.fin_acked() && self.server.fin_acked() {
            self.go(from, State::Closed);
        }
    }

    /// A packet in a state in which the connection closes.
    fn take_closing(&mut self, step: &mut Step<'_, '_, '_>, names: &Names) -> Taken {
        if step.flags().has(Flags::SYN) && !step.flags().has(Flags::RST) {
            step.note(Anomaly::StreamShutdownSynResend);
            return Err(Refusal::Invalid);
        }
        self.take(step, names)
    }

    /// What a SYN or SYN/ACK on an established connection is called. The server says its SYN/ACK again, rightly, as long as
    /// it has not seen the handshake's last part.
    fn late_syn(&self, step: &Step<'_, '_, '_>) -> Option<Anomaly> {
        let same_seq = step.tcp.seq() == self.half_ref(step.dir).isn();
        Some(match (step.is_synack(), step.dir) {
            (true, Dir::ToServer) => Anomaly::StreamEstSynackToserver,
            (true, Dir::ToClient) => {
                if self.client.position(step.tcp.ack()) != self.client.acked {
                    Anomaly::StreamEstSynackResendWithDiffAck
                } else if !same_seq {
                    Anomaly::StreamEstSynackResendWithDiffSeq
                } else if self.server.next > 1 {
                    Anomaly::StreamEstSynackResend
                } else {
                    return None;
                }
            }
            (false, Dir::ToClient) => Anomaly::StreamEstSynToclient,
            (false, Dir::ToServer) if same_seq => Anomaly::StreamEstSynResend,
            (false, Dir::ToServer) => Anomaly::StreamEstSynResendDiffSeq,
        })
    }

    /// Checks a packet and takes what it says.
    fn take(&mut self, step: &mut Step<'_, '_, '_>, names: &Names) -> Taken {
        if step.flags().has(Flags::RST) {
            return self.reset(step);
        }
        // RFC 9293 §3.10.7.4, step 5: without ACK a segment is discarded.
        if !step.flags().has(Flags::ACK) {
            return Err(Refusal::Invalid);
        }
        self.check_timestamp(step)?;
        self.check_sequence(step, names)?;
        self.check_acknowledgment(step, names)?;
        self.check_window_update(step)?;
        let keep = self.urgent(self.start(step), step)?;
        if keep {
            self.accept(step)
        } else {
            self.accept_without_payload(step)
        }
        Ok(())
    }

    /// PAWS: a timestamp older than what the receiver has taken marks an old duplicate.
    fn check_timestamp(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let start = self.start(step);
        let sender = self.half(step.dir);
        let Some((value, _)) = step.tcp.timestamps() else { return Ok(()) };
        if sender.stamps.is_old(value, step.facts.time) {
            step.note(Anomaly::StreamPktInvalidTimestamp);
            return Err(Refusal::Invalid);
        }
        if start <= sender.acked {
            sender.stamps.take(step.tcp, step.facts.time);
        }
        Ok(())
    }

    fn check_sequence(&self, step: &mut Step<'_, '_, '_>, names: &Names) -> Taken {
        let (start, length) = (self.start(step), step.len());
        let sender = self.half_ref(step.dir);
        if self.one_sided || sender.may_send(start, length) {
            // The last bytes sent again say that the acknowledgment was lost, which it may be.
            if let Some(old) = names.old.filter(|_| start + length < sender.acked && !self.is_keepalive(step)) {
                step.note(old);
            }
            return Ok(());
        }
        step.note(if step.flags().has(Flags::FIN) { names.fin_wrong_seq } else { names.wrong_seq });
        Err(Refusal::Invalid)
    }

    fn check_acknowledgment(&self, step: &mut Step<'_, '_, '_>, names: &Names) -> Taken {
        let Some(ack) = self.ack(step) else { return Ok(()) };
        if self.one_sided || self.half_ref(step.dir.flip()).may_be_acked(ack) {
            return Ok(());
        }
        step.note(Anomaly::StreamPktInvalidAck);
        step.note(if step.flags().has(Flags::FIN) { names.fin_invalid_ack } else { names.invalid_ack });
        Err(Refusal::Invalid)
    }

    /// A lone acknowledgment that says nothing new but takes back window which bytes are already under way for: a
    /// receiver does not do that (RFC 9293 §3.8.6), somebody who wants these bytes ignored does.
    fn check_window_update(&self, step: &mut Step<'_, '_, '_>) -> Taken {
        let (sender, peer) = (self.half_ref(step.dir), self.half_ref(step.dir.flip()));
        let alone = step.tcp.payload.is_empty() && !step.flags().has(Flags::FIN);
        let nothing_new = self.start(step) == sender.next && self.ack(step) == Some(peer.acked);
        let edge = peer.acked + self.window(step);
        if alone && nothing_new && !self.one_sided && edge < peer.next && peer.next <= peer.acked + sender.window {
            step.note(Anomaly::StreamPktBadWindowUpdate);
            return Err(Refusal::Invalid);
        }
        Ok(())
    }

    /// The window that a packet grants, in bytes.
    fn window(&self, step: &Step<'_, '_, '_>) -> i64 {
        i64::from(step.tcp.window()) << self.half_ref(step.dir).scale
    }

    /// A probe for a dead peer: nothing, or one byte, just before what comes next (RFC 9293 §3.8.4).
    fn is_keepalive(&self, step: &Step<'_, '_, '_>) -> bool {
        let sender = self.half_ref(step.dir);
        step.len() <= 1
            && self.start(step) == sender.next - 1
            && sender.acked >= sender.next
            && !step.flags().any(Flags::SYN | Flags::FIN)
    }

    /// Takes what a valid packet says.
    pub(super) fn accept(&mut self, step: &mut Step<'_, '_, '_>) {
        self.accept_acknowledgment(step);
        if !step.tcp.payload.is_empty() && !self.is_keepalive(step) {
            let (start, length) = (self.start(step), step.len());
            let peer_window = self.half_ref(step.dir.flip()).window;
            let sender = self.half(step.dir);
            if start + length <= sender.acked {
                step.note(Anomaly::StreamPktSpuriousRetransmission);
            } else if start + length <= sender.next {
                step.note(Anomaly::StreamPktRetransmission);
            }
            if length == 1 && peer_window == 0 && start == sender.edge {
                sender.probe = Some(start + 1);
            }
            sender.next = sender.next.max(start + length);
            self.store(start, step);
        }
        self.accept_fin(step);
    }

    /// Takes a packet whose data is left out as if it had been lost.
    fn accept_without_payload(&mut self, step: &mut Step<'_, '_, '_>) {
        self.accept_acknowledgment(step);
        let end = self.start(step) + step.len();
        let sender = self.half(step.dir);
        sender.next = sender.next.max(end);
        self.accept_fin(step);
    }

    fn accept_acknowledgment(&mut self, step: &mut Step<'_, '_, '_>) {
        let window = self.window(step);
        let Some(ack) = self.ack(step) else { return };
        let (sender, peer) = self.pair(step.dir);
        sender.window = window;
        if peer.probe.is_some_and(|probe| ack >= probe) {
            peer.probe = None;
            step.note(Anomaly::StreamEstAckZwpData);
        }
        if ack > peer.next {
            step.env.counters.count(Counter::TcpAckUnseenData);
        }
        let gaps = peer.acknowledge(ack, window);
        step.report_gaps(gaps);
    }

    fn accept_fin(&mut self, step: &Step<'_, '_, '_>) {
        if !step.flags().has(Flags::FIN) {
            return;
        }
        let fin = self.start(step) + step.len();
        let sender = self.half(step.dir);
        sender.fin.get_or_insert(fin);
        sender.next = sender.next.max(fin + 1);
        if let Ok(offset) = u64::try_from(fin - 1) {
            sender.assembly.end_at(offset);
        }
    }

    /// A reset closes the connection if it lies in the window and what it acknowledges is believable (RFC 5961 §3.2;
    /// receivers differ in how exactly it must fit, so that all that may work counts).
    pub(super) fn reset(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let start = self.start(step);
        let sender = self.half_ref(step.dir);
        let fits = start >= sender.acked.min(sender.next) - 1 && sender.may_send(start, 0);
        if !(fits || self.one_sided) {
            if self.state == State::Established {
                step.note(Anomaly::StreamEstPacketOutOfWindow);
            }
            return Err(Refusal::Invalid);
        }
        let ack = self.ack(step);
        let peer = self.half_ref(step.dir.flip());
        if !self.one_sided && ack.is_some_and(|ack| !peer.may_be_acked(ack)) {
            step.note(Anomaly::StreamPktInvalidAck);
            step.note(Anomaly::StreamRstInvalidAck);
            return Err(Refusal::Invalid);
        }
        if let Some(ack) = ack {
            let gaps = self.half(step.dir.flip()).acknowledge(ack, 0);
            step.report_gaps(gaps);
        }
        self.reset_by = Some((step.dir, self.state));
        self.state = State::Closed;
        Ok(())
    }
}
