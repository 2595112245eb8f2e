import MartletSimulator

/// Makes a script of a seed: a way to some state, and a few events near the edges of what the protocol allows. Odd
/// seeds are of IPv6.
package struct RandomScript {
  private var random: SimulatorRandom
  private var hasStamps = false
  private var hasSack = false

  package static func script(seed: UInt64) -> Script {
    var maker = RandomScript(random: SimulatorRandom(seed: seed))
    let lines = (seed % 2 == 1 ? ["set ipv6"] : []) + maker.lines()
    let name = "random \(seed)"
    // What is made here can be read; if not, the seed stands for a script that says so.
    let script = try? ScriptParser.script(name, lines, origin: "seed \(seed)")
    return script
      ?? Script(name: "unreadable \(seed)", origin: "", lines: lines, settings: .init(), steps: [])
  }

  private mutating func lines() -> [String] {
    var lines: [String] = []
    if chance(20) { lines.append("set peer-isn \(pick([4_294_967_290, 4_294_967_295, 2_147_483_640, 0]))") }
    if chance(4) { lines.append("set nagle") }
    lines.append(start())
    for _ in 0..<(1 + below(7)) { lines.append(event()) }
    return lines
  }

  private mutating func start() -> String {
    let state = pick([
      "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "ESTABLISHED", "ESTABLISHED",
      "ESTABLISHED",
      "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
    ])
    var words = ["start", state]
    switch below(100) {
    case 0..<10: words.append("simultaneous")
    case 10..<45: words.append("active")
    default: break
    }
    // After a simultaneous open the kernel scales its windows, whether the peer can or not.
    let mustScale = words.contains("simultaneous") || words == ["start", "SYN-RECEIVED", "active"]
    if chance(15) || mustScale { words.append("ws=\(pick([0, 1, 7, 14]))") }
    if chance(12) { words.append("orphan") }
    if chance(30) {
      words.append("ts")
      hasStamps = true
    }
    if chance(30) {
      words.append("sack")
      hasSack = true
    }
    if chance(10) { words.append("mss=\(pick(["100", "536", "1000", "none"]))") }
    if chance(8) { words.append("win=\(pick([0, 1, 100, 1_000, 3_000]))") }
    return words.joined(separator: " ")
  }

  private mutating func event() -> String {
    switch below(100) {
    case 0..<72: return "inject " + segment()
    case 72..<80: return "send \(pick([1, 10, 100, 1_460, 1_461, 2_000]))"
    case 80..<87: return "receive"
    case 87..<91: return "shutdown \(pick(["send", "send", "send", "receive", "both"]))"
    case 91..<94: return "close"
    case 94: return "abort"
    default: return "wait \(pick([5, 5, 20, 20, 50, 300]))ms"
    }
  }

  // MARK: Segments

  private mutating func segment() -> String {
    let flags = self.flags()
    var words = [flags]
    // The edges of two stacks differ, so what follows a SYN there would.
    let seq = seq()
    words += number("seq", flags.contains("SYN") && seq.hasPrefix("rcv.edge") ? "rcv.nxt+10" : seq)
    words += number("ack", ack())
    if chance(15) { words.append("win=\(pick([0, 0, 1, 10, 100, 1_460, 3_000, 60_000]))") }
    if flags.contains("PSH") ? chance(90) : chance(8) {
      words.append("len=\(pick([1, 2, 5, 10, 100, 1_000, 1_460]))")
    }
    if flags.contains("URG") { words.append("urg=\(pick([0, 1, 2, 10, 65_535]))") }
    if flags.contains("SYN") { words.append("mss=1460 ws=7") }
    if hasStamps, flags.contains("RST"), chance(50) {
      // RFC 7323 §3.2: "SHOULD be sent in an <RST> segment", which the peer leaves out unless told.
      words.append("ts=0")
    } else if hasStamps ? chance(20) : chance(1) {
      words.append(stamp())
    }
    if hasSack, chance(12) { words.append("sack=" + block() + (chance(30) ? "," + block() : "")) }
    if chance(2) {
      words.append("raw=\(pick(["00", "01", "0f00", "0f01", "0802", "050a", "020405b4", "fd04aabb"]))")
    }
    if chance(1) { words.append("badsum") }
    if chance(1) { words.append("reserved=\(1 + below(7))") }
    return words.joined(separator: " ")
  }

  private mutating func flags() -> String {
    switch below(100) {
    case 0..<28: return "ACK"
    case 28..<54: return "PSH+ACK"
    case 54..<67: return "FIN+ACK"
    case 67..<71: return "FIN+PSH+ACK"
    case 71..<76: return "RST"
    case 76..<79: return "RST+ACK"
    case 79..<84: return "SYN"
    case 84..<88: return "SYN+ACK"
    case 88..<90: return "URG+PSH+ACK"
    case 90..<92: return "none"
    default:
      let names = ["SYN", "FIN", "RST", "PSH", "URG", "ACK"].filter { _ in chance(40) }
      return names.isEmpty ? "none" : names.joined(separator: "+")
    }
  }

  private mutating func seq() -> String {
    switch below(100) {
    case 0..<58: return "rcv.nxt"
    case 58..<80:
      return "rcv.nxt" + pick(["-1", "+1", "-2", "+2", "-10", "+10", "+5", "-5", "+100", "+1460", "-100"])
    case 80..<94: return "rcv.edge" + pick(["", "-1", "+1", "-10", "+10", "-2"])
    case 94..<97: return "\(below(4))"
    default: return "rcv.nxt" + pick(["+2000000000", "-2000000000", "+100000", "-100000", "+2147483647"])
    }
  }

  private mutating func ack() -> String {
    switch below(100) {
    case 0..<66: return "snd.nxt"
    case 66..<78: return "snd.una"
    case 78..<84: return "snd.nxt" + pick(["+1", "-1", "+2", "-2"])
    case 84..<92: return "snd.una" + pick(["+1", "-1", "+2", "-2", "+10"])
    case 92..<96: return "\(below(3))"
    default:
      return "snd.una" + pick(["+100000", "-100000", "-65535", "-65536", "+2000000000", "-2000000000"])
    }
  }

  private func number(_ name: String, _ value: String) -> [String] {
    value == (name == "seq" ? "rcv.nxt" : "snd.nxt") ? [] : ["\(name)=\(value)"]
  }

  private mutating func stamp() -> String {
    pick([
      "ts=none", "ts=-1", "ts=-10", "ts=-11", "ts=-1000", "ts=1000", "ts=0 ecr=zero", "ts=0 ecr=1",
      "ts=0 ecr=-100",
    ])
  }

  private mutating func block() -> String {
    let start = pick(["snd.una", "snd.una+1", "snd.una-10", "snd.una+1460", "snd.nxt-1", "snd.nxt"])
    let end = pick(["snd.nxt", "snd.nxt+1", "snd.una", "snd.una+10", "snd.una+1460", "snd.una+2920"])
    return "\(start):\(end)"
  }

  // MARK: Chance

  private mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }
  private mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  private mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
