import MartletTCP
import MartletWire

// Mistakes made on purpose around the real code. See `PlantedFault`.

extension PlantedFault {
  /// The segment as a stack with this fault sees it.
  func distorted(_ seg: Segment, _ tcb: TCB) -> Segment {
    guard self == .believesAnyReset, seg.flags.contains(.rst), tcb.state.isSynchronized,
      seg.seq.isWithin(from: tcb.rcv.nxt, length: max(tcb.rcv.wnd, 1))
    else { return seg }
    var seg = seg
    seg.seq = tcb.rcv.nxt
    return seg
  }
}

extension ExploredEnd {
  /// After a segment has been taken in.
  mutating func spoil(
    _ old: TCB, _ tcb: inout TCB, _ segment: ExploredSegment, _ reaction: inout Reaction,
    _ ground: inout ExplorationGround
  ) {
    switch ground.bounds.fault {
    case .forgetsAcknowledgedFin:
      if old.state == .finWait1, tcb.state == .finWait2 { tcb.state = .finWait1 }
    case .skipsFinWait2:
      if tcb.state == .finWait2 {
        tcb.state = .timeWait
        reaction.insert(.enterTimeWait)
      }
    case .readsTwice:
      if old.state == .established, segment.header.seq.precedes(old.rcv.nxt) {
        reads(segment.text[...], &ground)
      }
    case .endsEarly:
      let isInWindow = segment.header.seq.isWithin(from: old.rcv.nxt, length: old.rcv.wnd)
      if segment.header.flags.contains(.fin), old.state.isSynchronized, isInWindow, !application.hasLetGo {
        application.sawEnd = true
      }
    case .none, .believesAnyReset, .ignoresTimerOutput, .forgetsRetransmissionTimer: break
    }
  }
}
