// What each side has taken from the segments so far. The two differ where one has gone on with a segment that the other
// has refused, often with the same answer; what they send later follows from that.

/// What a sender believes of its peer: RFC 9293 §3.10.7.4 fifth.
struct Belief {
  /// SND.UNA.
  private(set) var una = 0
  /// SND.WND in octets.
  private(set) var window = 65_535
  /// The largest window that was offered.
  private(set) var largest = 65_535
  /// TS.Recent.
  private(set) var recent = 0
  /// SND.WL1 and SND.WL2: the segment that the window is of; nil: none yet.
  private var last: Arrival?

  /// Behind the last octet that the peer allows.
  var edge: Int { una + window }
}

extension Belief {
  /// A SYN begins a connection, and with it everything anew.
  private mutating func begin(_ next: Arrival) {
    guard next.segment.flags.contains(.syn), ["CLOSED", "LISTEN", "TIME-WAIT"].contains(next.state) else {
      return
    }
    self = Belief()
  }

  /// SND.WL1 and SND.WL2 by the letter.
  fileprivate mutating func takeAsMartlet(_ next: Arrival, after others: [Arrival], scale: Int) {
    guard next.isAccepted else { return }
    begin(next)
    if next.view.usesStamps, next.clock < recent, !next.fillsHole(behind: others) { return }
    if next.isNext { recent = max(recent, next.clock) }
    if next.segment.flags.contains(.ack) {
      guard next.ack >= una else { return }
      una = next.ack
    }
    if next.state != "SYN-RECEIVED", let last,
      last.seq > next.seq || last.seq == next.seq && last.ack > next.ack
    {
      return
    }
    window = next.segment.window(scale: scale)
    // That of a SYN does not count once there is another.
    largest = last.map { $0.segment.flags.contains(.ack) } ?? false ? max(largest, window) : window
    last = next
  }

  /// tcp_may_update_window(): an acknowledgment that advances, a later segment, or one that opens or shuts the window.
  fileprivate mutating func takeAsKernel(_ next: Arrival, _ hasTextToRead: Bool, scale: Int) {
    guard next.isTakenByKernel(recent: recent, hasTextToRead) else { return }
    begin(next)
    // The least tick that is not old (TCP_PAWS_WINDOW).
    if next.isNext, !next.lacksStamps { recent = max(recent, next.clock) }
    let offered = next.segment.window(scale: scale)
    let hasAck = next.segment.flags.contains(.ack)
    if hasAck, next.ack < una { return }
    let wl = last?.seq ?? Int.min
    if hasAck && next.ack > una || next.seq > wl
      || next.seq == wl && (offered > window || offered == 0)
    {
      window = offered
      last = next
    }
    if hasAck { una = next.ack }
  }
}

extension Arrival {
  /// It is text before something that has come and was not older.
  fileprivate func fillsHole(behind others: [Arrival]) -> Bool {
    segment.length > 0
      && others.contains {
        $0.index < index && $0.seq > view.rcvNxt && $0.segment.length > 0 && $0.clock <= clock
      }
  }

  /// The kernel's checks: PAWS with one tick to spare, segments without timestamps, ends and edges that touch, and what
  /// reaches beyond the window only while nothing waits to be read.
  fileprivate func isTakenByKernel(recent: Int, _ hasTextToRead: Bool) -> Bool {
    guard segment.flags.isDisjoint(with: .rst) else { return false }
    if ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"].contains(state) { return isAccepted }
    if state == "TIME-WAIT", segment.flags.contains(.syn) { return isAccepted }
    guard segment.flags.contains(.ack), !segment.flags.contains(.syn), ack <= view.sndNxt else {
      return false
    }
    if view.usesStamps, !lacksStamps, clock < recent - 1 { return false }
    // A FIN may lie beyond.
    let lastText = segment.flags.contains(.fin) ? end - 1 : end
    if lastText > view.rcvEdge { return seq <= view.rcvEdge && !hasTextToRead }
    return end >= view.rcvNxt
  }
}

extension Difference {
  /// Before this step.
  private var belief: Belief { own(arrivals) }
  private var beliefNow: Belief { own(known) }

  private func own(_ segments: [Arrival]) -> Belief {
    segments.reduce(into: Belief()) { $0.takeAsMartlet($1, after: segments, scale: peerScale) }
  }

  /// Octets: the peer's largest window before this step, of those that were taken.
  var largestWindow: Int { belief.largest }
  /// Martlet's SND.UNA before this step.
  var una: Int { belief.una }
  /// Behind the last octet that the peer allows.
  var lastEdge: Int { beliefNow.edge }
  /// It allowed none before this step.
  var wasShut: Bool { belief.window == 0 }

  /// The same as the kernel has it.
  var kernelBelief: Belief {
    kernelArrivals.reduce(into: Belief()) {
      $0.takeAsKernel($1, hasKernelTextToRead(before: $1.index), scale: peerScale)
    }
  }
  var kernelEdge: Int { kernelBelief.edge }

  /// Something is in the kernel's receive queue, and be it a FIN.
  private func hasKernelTextToRead(before index: Int) -> Bool {
    guard let syn, let view = index < kernelHistory.count ? kernelHistory[index].view : kernel.view else {
      return false
    }
    let read = kernelHistory[..<index].reduce(0) { $0 + octets($1) }
    return view.rcvNxt - (syn.seq.offset + 1) > read
  }

  /// The segments with the numbers that they had for the kernel.
  var kernelArrivals: [Arrival] {
    (kernelHistory + [kernel]).enumerated().compactMap { at, outcome in
      guard case .inject(let segment) = script.steps[at], let view = outcome.view else { return nil }
      let state = at < history.count ? history[at].stateBefore : state
      return segment.hasBadChecksum ? nil : Arrival(segment, view, at, state)
    }
  }
}
