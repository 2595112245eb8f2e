/// `start FIN-WAIT-2 active ts sack`: the way to a state, as steps that are judged like all others.
///
/// `passive` (the peer connects) is the default; `active`: the stack connects, and in SYN-RECEIVED the peer does so at
/// the same time; `simultaneous`: it does so on the way to every state. `ts`, `sack`, `ws=7`, `mss=1460` and `win=65535` are what the peer offers; `orphan`: the
/// application has let go of the socket rather than shut its sending half, in SYN-RECEIVED too.
struct StartWords {
  private enum State: String, CaseIterable {
    case closed = "CLOSED"
    case listen = "LISTEN"
    case synSent = "SYN-SENT"
    case synReceived = "SYN-RECEIVED"
    case established = "ESTABLISHED"
    case finWait1 = "FIN-WAIT-1"
    case finWait2 = "FIN-WAIT-2"
    case closeWait = "CLOSE-WAIT"
    case closing = "CLOSING"
    case lastAck = "LAST-ACK"
    case timeWait = "TIME-WAIT"
  }

  private var state: State
  private var isActive = false
  private var isSimultaneous = false
  private var isOrphan = false
  private var offer = ScriptSegment(.syn)
  private var window: UInt16 = 65_535

  init(_ words: ArraySlice<Substring>) throws(WordError) {
    guard let name = words.first, let state = State(rawValue: String(name)) else {
      throw WordError("states are \(State.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self.state = state
    isActive = state == .synSent
    offer.mss = 1_460
    for word in words.dropFirst() {
      switch word {
      case "active": isActive = true
      case "passive": isActive = state == .synSent
      case "simultaneous":
        isActive = true
        isSimultaneous = true
      case "orphan": isOrphan = true
      case "ts": offer.stamps = .present(.init(value: 0, echo: nil))
      case "sack": offer.sackPermitted = true
      case "ws": offer.windowScale = 7
      default: try setValue(word)
      }
    }
  }

  private mutating func setValue(_ word: Substring) throws(WordError) {
    let halves = word.split(separator: "=")
    guard halves.count == 2 else { throw WordError("\"\(word)\" says nothing") }
    switch halves[0] {
    case "mss" where halves[1] == "none": offer.mss = nil
    case "mss": offer.mss = UInt16(halves[1])
    case "ws": offer.windowScale = UInt8(halves[1])
    case "win": window = UInt16(halves[1]) ?? 65_535
    default: throw WordError("there are: passive, active, simultaneous, orphan, ts, sack, ws=, mss=, win=")
    }
  }

  var steps: [Script.Step] {
    opening + closing
  }

  private var opening: [Script.Step] {
    var syn = offer
    syn.window = window
    syn.seq = ScriptNumber(.initial)
    syn.ack = ScriptNumber(.sndNxt)
    var synAck = syn
    synAck.flags = [.syn, .ack]
    if case .present = synAck.stamps { synAck.stamps = .present(.init(value: 0, echo: 0)) }
    switch (state, isActive) {
    case (.closed, _): return []
    case (.listen, _): return [.listen]
    case (.synSent, _): return [.connect]
    case (.synReceived, true): return [.connect, .inject(syn)]
    case (.synReceived, false): return [.listen, .inject(syn)]
    case (_, true) where isSimultaneous: return [.connect, .inject(syn), .inject(segment(.ack))]
    case (_, true): return [.connect, .inject(synAck)]
    case (_, false): return [.listen, .inject(syn), .inject(segment(.ack))]
    }
  }

  private var closing: [Script.Step] {
    let finish: Script.Step = isOrphan ? .close : .shutdown(.send)
    var beforeFin = segment([.fin, .ack])
    beforeFin.ack = ScriptNumber(.sndUna)
    switch state {
    case .closed, .listen, .synSent, .established: return []
    case .synReceived: return isActive && isOrphan ? [.close] : []
    case .finWait1: return [finish]
    case .finWait2: return [finish, .inject(segment(.ack))]
    case .closeWait: return [.inject(segment([.fin, .ack]))]
    case .closing: return [finish, .inject(beforeFin)]
    case .lastAck: return [.inject(segment([.fin, .ack])), finish]
    case .timeWait: return [finish, .inject(segment(.ack)), .inject(segment([.fin, .ack]))]
    }
  }

  private func segment(_ flags: ScriptSegment.Flags) -> ScriptSegment {
    var segment = ScriptSegment(flags)
    segment.window = window
    return segment
  }
}
