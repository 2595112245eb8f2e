import MartletWire

// Van Jacobson's header prediction: nearly every segment of a busy connection is
// the next text in order, or a bare acknowledgment of text in flight, with no flag
// or option that asks for a decision. Those two take a short way to what the eight
// checks would come to; anything else takes the checks.

extension TCB {
  /// ESTABLISHED; only ACK, perhaps PSH; exactly the next octet; nothing out of order, urgent, in
  /// recovery; no window shut; timestamps as negotiated and not older than TS.Recent.
  @inline(__always)
  func isPredicted(_ seg: Segment, _ cold: ColdBlock) -> Bool {
    guard state == .established,
      seg.flags.subtracting(.psh) == .ack,
      seg.seq == rcv.nxt,
      seg.ecn != .ce,
      snd.wnd != .zero,
      recovery.phase == .open,
      cold.isOrderly,
      mode.isDisjoint(with: [.orphan, .discardsText])
    else { return false }
    if mode.contains(.timestamps) {
      return seg.options.present == .timestamps && !isOlder(seg.options.tsval, than: timestamps.recent)
    }
    return seg.options.present.isEmpty
  }

  mutating func predictedArrives(
    _ seg: Segment, _ text: RawSpan, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    let advance = seg.ack.distance(from: snd.una)
    // A duplicate, an old one, or one of what was never sent: the fifth check decides, and may drop it.
    let advances = advance != 0 && advance <= snd.max.distance(from: snd.una)
    guard advances || (advance == 0 && (seg.textCount > 0 || snd.flight == 0)),
      seg.textCount <= rcv.wnd
    else { return checkedArrives(seg, text, &cold, &around, now) }

    around.counters.tcpHPHits &+= 1
    noteArrival(seg, &around, now)
    updateWindow(seg, &cold, &around, now, &reaction)
    if timers.tries != 0, advance == 0 { timers.tries = 0 }
    if advances {
      var delivery = Delivery()
      delivery.flightBefore = pipe(cold)
      advanceUna(to: seg.ack, seg, &delivery, &cold, &around, now, &reaction)
      recoverOrGrow(seg, &delivery, &cold, &around, now, &reaction)
    }
    if seg.textCount > 0 {
      takeInOrder(text, seg, &cold, &around, now, &reaction)
    }
    return reaction
  }
}
