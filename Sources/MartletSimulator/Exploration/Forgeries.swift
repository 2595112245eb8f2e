import MartletTCP
import MartletTrace
import MartletWire

// Segments of somebody off the path, who knows addresses and ports and no numbers (RFC 5961 §1): what he sends
// must not close a stream, nor change one.

/// A segment that was forged in the name of one end.
struct Forgery {
  var segment: ExploredSegment
  var from: Side
}

/// Tries forgeries on every end once: what a segment does depends on nothing but the end that it comes to. Before
/// an end is synchronized it may answer with a reset, and then on the other end too.
struct Forgeries {
  private var tried = FingerprintTable()

  var heldBytes: Int { tried.heldBytes }

  /// One that works is returned, and what it did stays in `ground.violation`.
  mutating func attempt(_ world: ExploredWorld, _ ground: inout ExplorationGround) -> Forgery? {
    let origins = world.origins
    for side in Side.allCases {
      var print = Fingerprint()
      print.add(side.rawValue)
      print.add(world[side].fingerprint(origins[side], withBounds: false))
      if !world[side].state.isSynchronized {
        print.add(world[side.other].fingerprint(origins[side.other], withBounds: false))
      }
      guard tried.insert(print.value) else { continue }
      if let forgery = world.tryForgeries(on: side, origins, &ground) { return forgery }
    }
    return nil
  }
}

extension ExploredWorld {
  fileprivate func tryForgeries(
    on side: Side, _ origins: WorldOrigins, _ ground: inout ExplorationGround
  ) -> Forgery? {
    let essence = self[side].essence(origins[side])
    for forged in self[side].forgeries {
      var end = self[side]
      var answers = ExploredWay()
      ground.peerISS = self[side.other].iss
      end.getUp(&ground)
      end.tcpArrives(forged, &answers, &ground)
      end.lieDown(&ground)
      if end.essence(origins[side]) != essence { ground.fail(.forgeryWorks(self[side].state)) }
      // What it made the end answer must not hit the other.
      for answer in answers.segments where answer.header.flags.contains(.rst) {
        resetArrives(answer, at: side.other, origins, &ground)
      }
      if ground.violation != nil { return Forgery(segment: forged, from: side.other) }
    }
    return nil
  }

  private func resetArrives(
    _ reset: ExploredSegment, at side: Side, _ origins: WorldOrigins, _ ground: inout ExplorationGround
  ) {
    var end = self[side]
    var answers = ExploredWay()
    ground.peerISS = self[side.other].iss
    end.getUp(&ground)
    end.tcpArrives(reset, &answers, &ground)
    end.lieDown(&ground)
    if end.essence(origins[side]) != self[side].essence(origins[side]) {
      ground.fail(.forgeryWorks(self[side].state))
    }
  }
}

extension ExploredEnd {
  /// The stream in both directions and what keeps it going: not the acknowledgments that are owed, and not when
  /// a challenge was answered last.
  fileprivate func essence(_ origins: Origins) -> UInt64 {
    var print = Fingerprint()
    application.add(to: &print, withBounds: true)
    print.add(state.rawValue)
    switch record {
    case .none: break
    case .embryonic(let tcb):
      print.add(origins.sent(tcb.iss))
      print.add(origins.received(tcb.irs))
      print.add(tcb.tsRecent)
      print.add(tcb.deadline.rawValue)
      print.add(tcb.tries)
    case .connection(let tcb): tcb.addEssence(to: &print, cold.first, rest, origins)
    case .lingering(let tcb):
      print.add(origins.sent(tcb.sndNxt))
      print.add(origins.received(tcb.rcvNxt))
      print.add(tcb.tsRecent)
      print.add(tcb.deadline.rawValue)
    }
    return print.value
  }

  /// Whatever he sends lies outside what is in flight: before the window, behind it, half a turn away; or in the
  /// window without being the next octet, which a reset or a SYN needs only a few tries for; or at the very
  /// octet, with an acknowledgment that cannot be.
  fileprivate var forgeries: [ExploredSegment] {
    switch record {
    case .none: return []
    case .embryonic(let tcb):
      return Forger(
        next: tcb.irs.advanced(by: 1), window: 16 << 10, una: tcb.iss, max: tcb.iss.advanced(by: 1),
        stamp: tcb.options.contains(.timestamps) ? tcb.tsRecent : nil
      ).segments
    case .connection(let tcb):
      if tcb.state == .synSent { return Forger.duringSynSent(tcb) }
      return Forger(
        next: tcb.rcv.nxt, window: tcb.rcv.wnd, una: tcb.snd.una, max: tcb.snd.max,
        stamp: tcb.mode.contains(.timestamps) ? tcb.timestamps.recent : nil
      ).segments
    case .lingering(let tcb):
      // A SYN that is new by its number or its time may reopen it (RFC 6191): a stream that is over.
      return Forger(
        next: tcb.rcvNxt, window: tcb.window.scaled(by: tcb.wndShift).octets, una: tcb.sndNxt,
        max: tcb.sndNxt, stamp: tcb.hasTimestamps ? tcb.tsRecent : nil
      ).segments.filter { !$0.header.flags.contains(.syn) }
    }
  }
}

extension TCB {
  fileprivate func addEssence(
    to print: inout Fingerprint, _ block: ColdBlock?, _ rest: RestingQueues, _ origins: Origins
  ) {
    print.add(mode.subtracting(.challenged).rawValue)
    print.add(origins.sent(snd.una))
    print.add(origins.sent(snd.nxt))
    print.add(snd.wnd.octets)
    print.add(origins.received(rcv.nxt))
    print.add(timestamps.recent)
    print.add(timers.armed.subtracting(.delayedAck).rawValue)
    print.add(timers.backoff)
    print.add(timers.tries)
    print.add(recovery.phase.rawValue)
    for octets in [rest.send, rest.receive, rest.outOfOrder] {
      print.add(octets.count)
      for octet in octets { print.add(octet) }
    }
    print.add(block?.outOfOrder.totalBytes ?? 0)
    print.add(block?.finWaits ?? false)
    // With nothing queued the block goes with the acknowledgment that is owed.
    print.add(rest.send.isEmpty ? 0 : block?.duplicateAcks ?? 0)
  }
}

/// Makes forged segments for an end with these numbers.
private struct Forger {
  var next: SequenceNumber
  var window: UInt32
  var una: SequenceNumber
  var max: SequenceNumber
  /// A timestamp that passes, which he would have to guess too; nil: none was agreed on.
  var stamp: UInt32?

  private static var half: UInt32 { 1 << 31 }

  var segments: [ExploredSegment] {
    var segments: [ExploredSegment] = []
    // Acknowledgments of what was never sent, and of what was long ago.
    let acks = [max.advanced(by: 1 << 20), una.advanced(by: Self.half), una.retreated(by: 1 << 28)]
    for seq in [
      next.retreated(by: 1_000), next.advanced(by: window &+ 1_000), next.advanced(by: Self.half),
    ] {
      for flags in Self.everything { addTextToo(seq, acks[0], flags, &segments) }
    }
    // In the window, but not the next octet.
    if window > 4 {
      for seq in [next.advanced(by: 3), next.advanced(by: window &- 1)] {
        for flags in [TCPFlags.rst, [.rst, .ack], .syn, [.syn, .ack]] {
          add(seq, acks[0], flags, &segments)
        }
      }
    }
    for ack in acks {
      for flags in [TCPFlags.ack, [.fin, .ack]] { addTextToo(next, ack, flags, &segments) }
    }
    return segments
  }

  private static var everything: [TCPFlags] {
    [.rst, [.rst, .ack], .syn, [.syn, .ack], .ack, [.fin, .ack], .fin]
  }

  /// In SYN-SENT only a SYN, which opens crosswise, and an acknowledgment of our SYN mean anything.
  static func duringSynSent(_ tcb: TCB) -> [ExploredSegment] {
    let forger = Forger(next: SequenceNumber(1 << 30), window: 0, una: tcb.snd.una, max: tcb.snd.max)
    var segments: [ExploredSegment] = []
    for ack in [tcb.snd.una, tcb.snd.max.advanced(by: 1), tcb.snd.una.advanced(by: half)] {
      for flags in [TCPFlags.rst, [.rst, .ack], [.syn, .ack], .ack, [.fin, .ack]] {
        forger.addTextToo(forger.next, ack, flags, &segments)
      }
    }
    return segments
  }

  private func addTextToo(
    _ seq: SequenceNumber, _ ack: SequenceNumber, _ flags: TCPFlags, _ segments: inout [ExploredSegment]
  ) {
    add(seq, ack, flags, &segments)
    if flags.isDisjoint(with: [.rst, .syn]) { add(seq, ack, flags, text: [1, 2, 3], &segments) }
  }

  private func add(
    _ seq: SequenceNumber, _ ack: SequenceNumber, _ flags: TCPFlags, text: [UInt8] = [],
    _ segments: inout [ExploredSegment]
  ) {
    var plan = SegmentPlan(seq: seq, ack: ack, flags: flags, window: UnscaledWindow(7))
    plan.textCount = UInt32(truncatingIfNeeded: text.count)
    segments.append(ExploredSegment(plan, text: text))
    guard let stamp, !flags.contains(.rst) else { return }
    plan.options.present = .timestamps
    plan.options.tsval = stamp
    segments.append(ExploredSegment(plan, text: text))
  }
}
