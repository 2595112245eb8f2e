// What explanations ask of a difference. Their conditions read as a sentence; each is as narrow as it can be.

extension Difference {
  /// Martlet's state before the step.
  func at(_ states: String...) -> Bool { states.contains(state) }

  /// In these, the peer's FIN has come.
  var isAfterFinish: Bool { at("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT") }
  var isSynchronized: Bool {
    at("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2") || isAfterFinish
  }
  /// … or half-open after a simultaneous open, where the kernel has a socket already.
  var isConnection: Bool { isSynchronized || at("SYN-RECEIVED") && isActive }

  // MARK: The segment

  var arrival: Arrival? { segment.map { Arrival($0, view, index, state) } }
  var flags: ScriptSegment.Flags { segment?.flags ?? [] }
  /// A segment with these flags among others.
  func injects(_ wanted: ScriptSegment.Flags) -> Bool { segment != nil && flags.isSuperset(of: wanted) }
  func lacks(_ unwanted: ScriptSegment.Flags) -> Bool { flags.isDisjoint(with: unwanted) }
  var hasText: Bool { (segment?.length ?? 0) > 0 }
  var seq: Int { arrival?.seq ?? 0 }
  /// Behind the last number that it occupies.
  var end: Int { arrival?.end ?? 0 }
  var ack: Int { arrival?.ack ?? 0 }
  var occupies: Bool { end > seq }

  /// It occupies numbers, all of them old, and its end touches RCV.NXT.
  var endsAtNext: Bool { arrival?.endsAtNext ?? false }
  /// It begins at the window's right edge.
  var beginsAtEdge: Bool { arrival?.beginsAtEdge ?? false }
  /// It begins in the window and ends behind it.
  var crossesEdge: Bool { seq < view.rcvEdge && end > view.rcvEdge }
  /// Nothing of it is in the window, by Table 6.
  var isOutside: Bool { arrival?.isOutside ?? false }

  // MARK: The answers

  /// "ACK", "ACK+text", …, divided by semicolons: first the kernel's, then Martlet's.
  func answers(_ kernelKinds: String, _ martletKinds: String) -> Bool {
    kernel.kinds == kernelKinds && martlet.kinds == martletKinds
  }

  /// Nothing, and nothing has changed.
  var martletIgnores: Bool { martletIsSilent && martletStays }
  /// One acknowledgment of what came before, and nothing has changed.
  var martletChallenges: Bool { martletStays && martletAcknowledges(view.rcvNxt) }
  /// One acknowledgment, of this number, and nothing else.
  func martletAcknowledges(_ number: Int) -> Bool {
    // A FIN that waited for the window leaves with it.
    (martlet.kinds == "ACK" || martlet.kinds == "FIN+ACK" && past.contains { $0.endsSending }
      || martlet.kinds == "ACK; FIN+ACK" && !martlet.answers[0].sack.isEmpty
        && past.contains { $0.endsSending })
      && sameNumber(martlet.answers[0].ack ?? 0, number)
  }
  var kernelChallenges: Bool { kernelStays && kernel.kinds == "ACK" && kernel.answers[0].ack == view.rcvNxt }
  var martletStays: Bool { martlet.state == martletState }
  var kernelStays: Bool { kernel.state == kernelState }
  /// Text and FIN are taken, as far as they are next and in the window, and acknowledged.
  var martletTakes: Bool {
    guard occupies else { return martletIsSilent }
    if isAfterFinish { return martletIsSilent }
    return martletAcknowledges(seq > view.rcvNxt ? view.rcvNxt : min(end, view.rcvEdge))
      || martletAcknowledges(takenEnd) || reachesEarlierFinish && martletAcknowledges(earlierFinish?.end ?? 0)
  }
  /// A FIN that waits for what is before it, the lowest one.
  var earlierFinish: Arrival? {
    arrivals.filter { $0.hasFinish && $0.end > view.rcvNxt && $0.isAccepted }.min { $0.end < $1.end }
  }
  /// Its text is next, and goes on where that FIN says that there is none.
  private var reachesEarlierFinish: Bool {
    guard let fin = earlierFinish else { return false }
    return hasText && seq <= view.rcvNxt && seq + (segment?.length ?? 0) >= fin.end
  }
  /// The end of what is in order with this segment and all that came before.
  var takenEnd: Int {
    var end = seq <= view.rcvNxt ? max(self.end, view.rcvNxt) : view.rcvNxt
    for past in ownArrivals.filter(\.isAccepted).sorted(by: { $0.seq < $1.seq }) where past.seq <= end {
      end = max(end, past.end)
    }
    return end
  }
  /// It has gone on, and has not reset.
  var kernelGoesOn: Bool { !kernel.answers.contains { $0.flags.contains(.rst) } }

  /// The kinds of both answers, results and states where they differ.
  var shape: String {
    var words = "\(state) \(step.description.split(separator: " ").prefix(2).joined(separator: " ")): "
    words += "\(kernel.kinds) | \(martlet.kinds)"
    if !sameResult { words += "; = \(kernel.result ?? "-") | \(martlet.result ?? "-")" }
    if !sameState { words += "; [\(kernel.state ?? "-")] | [\(martlet.state ?? "-")]" }
    return words
  }

  func results(_ kernelResult: String, _ martletResult: String) -> Bool {
    kernel.result == kernelResult && martlet.result == martletResult
  }

  /// The same segments but for what `change` takes from them.
  func sameAnswers(_ change: (Answer) -> Answer) -> Bool {
    kernel.answers.map { change($0).text } == martlet.answers.map { change($0).text }
  }

  var sameAnswers: Bool { kernel.answers.map(\.text) == martlet.answers.map(\.text) }
  var sameResult: Bool { kernel.result == martlet.result }
  var sameState: Bool { kernel.state == martlet.state }
  /// The kernel says nothing.
  var kernelIsSilent: Bool { kernel.answers.isEmpty }
  var martletIsSilent: Bool { martlet.answers.isEmpty }
  var bothAreSilent: Bool { kernelIsSilent && martletIsSilent }

  /// Text that waited has left behind the acknowledgment of this one.
  var martletTakesAndSends: Bool {
    guard let first = martlet.answers.first, first.flags == .ack, first.length == 0 else { return false }
    return [view.rcvNxt, min(end, view.rcvEdge), takenEnd].contains(first.ack)
      && martlet.answers.dropFirst().allSatisfy { $0.length > 0 }
  }
  /// What Martlet sent is how the kernel began.
  var martletSaysTheFirst: Bool {
    martlet.answers.count < kernel.answers.count
      && zip(kernel.answers, martlet.answers).allSatisfy { $0.text == $1.text }
  }

  /// Octets of the stream that an outcome covers: first and behind the last; nil: no text, or a hole between.
  static func textRange(_ outcome: Outcome) -> Range<Int>? {
    var range: Range<Int>?
    for answer in outcome.answers where answer.length > 0 {
      let piece = answer.seq..<(answer.seq + answer.length)
      guard let known = range else {
        range = piece
        continue
      }
      guard piece.lowerBound == known.upperBound else { return nil }
      range = known.lowerBound..<piece.upperBound
    }
    return range
  }

  /// The text of both, if both have sent some that begins at the same octet.
  var texts: (kernel: Range<Int>, own: Range<Int>)? {
    guard let kernel = Self.textRange(kernel), let own = Self.textRange(martlet),
      kernel.lowerBound == own.lowerBound
    else { return nil }
    return (kernel, own)
  }

  // MARK: The script

  /// The application has let go, the kernel's record of FIN-WAIT-2 is one of TIME-WAIT's kind.
  var isOrphan: Bool { kernel.state == nil && martlet.state == nil && past.contains(.close) }

  var isWait: Bool { waited > 0 }
  /// Milliseconds.
  var waited: Int {
    if case .wait(let time) = step { return time }
    return 0
  }
  var isCall: Bool {
    switch step {
    case .send, .receive, .shutdown, .close, .abort: true
    case .listen, .connect, .unlisten, .inject, .wait: false
    }
  }
  var isSend: Bool {
    if case .send = step { return true }
    return false
  }
  var isReceive: Bool {
    if case .receive = step { return true }
    return false
  }
  /// The application has nothing more to send.
  var isEnd: Bool { step.endsSending }

  /// The steps before this one.
  var past: ArraySlice<Script.Step> { script.steps[..<index] }
  var pastSegments: [ScriptSegment] {
    past.compactMap { if case .inject(let segment) = $0 { segment } else { nil } }
  }
  /// The segments before this one, as they met Martlet.
  var arrivals: [Arrival] {
    history.indices.compactMap { at in
      guard case .inject(let segment) = history[at].step, !segment.hasBadChecksum else { return nil }
      return Arrival(segment, history[at].view, at, history[at].stateBefore)
    }
  }
  /// Those of this connection: another one on the same ports began with a SYN of its own.
  var ownArrivals: [Arrival] {
    let all = arrivals
    let first = all.lastIndex {
      $0.segment.flags.contains(.syn) && $0.isAccepted && ["LISTEN", "TIME-WAIT"].contains($0.state)
    }
    return Array(all[(first ?? 0)...])
  }
  var isActive: Bool { script.steps.contains(.connect) }
  /// Both have sent a SYN, and no SYN-ACK has come.
  var isSimultaneous: Bool {
    arrivals.contains { $0.state == "SYN-SENT" && $0.segment.flags.isDisjoint(with: [.ack, .rst]) }
  }
  /// Its timestamp is older than one that Martlet has taken.
  var isStale: Bool {
    guard view.usesStamps, let arrival else { return false }
    return arrival.isStale || ownArrivals.contains { $0.isNext && $0.isAccepted && $0.clock > arrival.clock }
  }
  /// RFC 5961 §5.2: not even within the largest window that was offered.
  var acknowledgesTooOld: Bool {
    injects(.ack) && ack < acknowledged - max((largestWindow >> peerScale) << peerScale, 65_535)
  }
  /// What the script has acknowledged, as far as Martlet has taken it.
  var acknowledged: Int {
    ownArrivals.filter { $0.isAccepted && $0.segment.flags.contains(.ack) }.map(\.ack).max() ?? 0
  }
  /// The peer's SYN, if one has come.
  var syn: ScriptSegment? {
    arrivals.last {
      $0.isAccepted && ["LISTEN", "SYN-SENT", "TIME-WAIT"].contains($0.state)
        && $0.segment.flags.contains(.syn)
    }?
    .segment
  }
  /// The peer's offer had timestamps.
  var offersStamps: Bool {
    pastSegments.contains { segment in
      guard segment.flags.contains(.syn), case .present = segment.stamps else { return false }
      return true
    }
  }
}

/// Modulo 2^32.
func sameNumber(_ a: Int, _ b: Int) -> Bool { (a - b) & 0xffff_ffff == 0 }

/// A segment with the numbers that it had for Martlet.
struct Arrival {
  let segment: ScriptSegment
  let view: PeerView
  /// The step.
  let index: Int
  /// Martlet's state when it came.
  let state: String
  let seq: Int
  let ack: Int

  init(_ segment: ScriptSegment, _ view: PeerView, _ index: Int, _ state: String) {
    self.segment = segment
    self.view = view
    self.index = index
    self.state = state
    seq = view.value(segment.seq)
    ack = view.value(segment.ack)
  }

  /// Behind the last number that it occupies.
  var end: Int { seq + segment.sequenceLength }
  /// On the peer's clock, which ticks ten times before each step.
  var clock: Int {
    guard case .present(let stamp) = segment.stamps else { return 1_010 + 10 * index }
    return 1_010 + 10 * index + stamp.value
  }
  var endsAtNext: Bool { meetsWindow && end > seq && end == view.rcvNxt }
  var beginsAtEdge: Bool { meetsWindow && seq == view.rcvEdge }
  /// There is a window, and it is its number that counts.
  private var meetsWindow: Bool {
    !["CLOSED", "LISTEN", "SYN-SENT"].contains(state) && segment.flags.isDisjoint(with: [.syn, .rst])
  }
  /// RFC 9293 Table 6; an empty segment at the edge counts as inside, as it does for everybody.
  var isOutside: Bool {
    end > seq ? end <= view.rcvNxt || seq >= view.rcvEdge : seq < view.rcvNxt || seq > view.rcvEdge
  }
  /// Its acknowledgment and its window count.
  var isAccepted: Bool {
    guard segment.flags.isDisjoint(with: .rst) else { return false }
    if ["CLOSED", "LISTEN", "SYN-SENT"].contains(state) { return segment.flags.contains(.syn) }
    if state == "TIME-WAIT", segment.flags.contains(.syn) { return !segment.flags.contains(.ack) }
    if state == "SYN-RECEIVED", ack <= 0 { return false }
    return segment.flags.contains(.ack) && !segment.flags.contains(.syn) && !isOutside && !isStale
      && !lacksStamps && ack <= view.sndNxt
  }
  var hasFinish: Bool { segment.flags.contains(.fin) && segment.flags.isDisjoint(with: [.syn, .rst]) }
  /// It has nothing before it that is missing.
  var isNext: Bool { seq <= view.rcvNxt }
  var isStale: Bool { view.usesStamps && clock < view.lastEcho ?? clock }
  var lacksStamps: Bool { view.usesStamps && segment.stamps == .absent }
  /// It acknowledges less than was acknowledged before.
  var acknowledgesOld: Bool { segment.flags.contains(.ack) && ack < view.sndUna }
}

extension Script.Step {
  /// The application has nothing more to send.
  var endsSending: Bool { self == .close || self == .shutdown(.send) || self == .shutdown(.both) }
}

extension Outcome {
  var kinds: String {
    answers.map { $0.flags.subtracting([.psh]).text + ($0.length > 0 ? "+text" : "") }.joined(separator: "; ")
  }
}
