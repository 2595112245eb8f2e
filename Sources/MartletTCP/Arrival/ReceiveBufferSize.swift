import MartletWire

// The receive buffer follows the path: a window smaller than what the sender puts
// into one round trip holds it back (RFC 7323 §1.1), a larger one only promises
// memory. What the reader takes in one round trip is measured, and the buffer is
// kept at twice that or more, so that a sender that doubles is never held back
// ("dynamic right-sizing"). An application that does not read measures nothing,
// and makes nothing grow.

extension TCB {
  /// In-order text has arrived, and the reader may have taken some.
  @inline(__always)
  mutating func measureReader(
    _ seg: Segment, _ cold: ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    if mode.contains(.fitsReceiveBuffer), endsReceiveRound(seg, now) {
      fitReceiveBuffer(cold.receive.count, &around, now)
    }
  }

  /// The segment was sent after its sender had heard from us since the round began: it echoes a later
  /// timestamp. Without timestamps a smoothed round trip has passed, that of the handshake where we have sent
  /// no text.
  @inline(__always)
  private func endsReceiveRound(_ seg: Segment, _ now: Instant) -> Bool {
    if mode.contains(.timestamps) {
      let echoed = UInt16(truncatingIfNeeded: seg.options.tsecr &- timestamps.offset)
      return Int16(bitPattern: echoed &- rcv.roundStart) > 0
    }
    let elapsed = UInt16(truncatingIfNeeded: Tick(now).rawValue) &- rcv.roundStart
    // Eighths of a microsecond. Nothing measured: few round trips are longer than 100 ms.
    return elapsed > 0 && UInt32(elapsed) &* 8_000 >= (rtt.isMeasured ? rtt.srtt8 : 800_000)
  }

  /// One round trip is over.
  private mutating func fitReceiveBuffer(
    _ unread: UInt32, _ around: inout Surroundings, _ now: Instant
  ) {
    let read = readPlace(unread)
    let places = read &- rcv.readAtStart
    // Before the start: the round was begun anew while text was unread.
    let taken = places < 192 ? UInt32(places) << readUnit : 0
    rcv.readAtStart = read
    rcv.roundStart = UInt16(truncatingIfNeeded: Tick(now).rawValue)
    let size = rcv.buffer.octets
    guard 2 &* taken > size else { return }
    // What the field can say, what the configuration allows, and what memory does: nothing once half of it is
    // used, and never more than a quarter of what is free.
    let most = min(around.configuration.maximumReceiveBuffer, 65_535 << UInt32(rcv.wndShift.shift))
    let grown = min(4 &* taken, most, size &+ around.budget.roomToGrow)
    guard grown > size else { return }
    rcv.buffer = BufferSize(grown)
    rcv.readAtStart = readPlace(unread)  // in its new units
    around.counters.tcpRcvBufferGrown &+= 1
    around.recorder.note(.receiveBufferGrows, grown, taken, at: now)
  }

  /// Milliseconds; half of what `rcv.roundStart` can tell apart.
  static var longestRound: UInt32 { 16_384 }

  /// After a long idle spell a round begins: half a tick does not tell the last one from the next.
  @inline(__always)
  mutating func restartReceiveRound(_ tick: Tick) {
    rcv.roundStart = UInt16(truncatingIfNeeded: tick.rawValue)
    rcv.readAtStart = readPlace(0)
  }

  /// A place in sequence space on a wheel of 256, of which the buffer, and so what can be taken in a round
  /// trip, covers 32 to 64.
  private func readPlace(_ unread: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: rcv.nxt.retreated(by: unread).rawValue >> readUnit)
  }

  /// The binary logarithm of the unit.
  private var readUnit: UInt32 {
    UInt32(truncatingIfNeeded: 26 &- min(rcv.buffer.octets.leadingZeroBitCount, 26))
  }
}
