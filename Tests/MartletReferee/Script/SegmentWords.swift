extension ScriptSegment {
  /// "SYN+ACK seq=rcv.nxt+1 len=10 …"
  init(_ words: ArraySlice<Substring>) throws(WordError) {
    guard let first = words.first, let flags = Flags(first) else {
      throw WordError("flags are SYN, FIN, RST, PSH, ACK, URG, ECE, CWR joined by +, or none")
    }
    self.init(flags)
    for word in words.dropFirst() {
      let halves = word.split(separator: "=", maxSplits: 1)
      if halves.count == 2 {
        try set(halves[0], halves[1])
      } else {
        try set(word)
      }
    }
  }

  private mutating func set(_ word: Substring) throws(WordError) {
    switch word {
    case "sackok": sackPermitted = true
    case "badsum": hasBadChecksum = true
    default: throw WordError("\"\(word)\" says nothing")
    }
  }

  private mutating func set(_ name: Substring, _ value: Substring) throws(WordError) {
    switch name {
    case "seq": seq = try Self.sequence(value)
    case "ack": ack = try Self.sequence(value)
    case "win": window = try Self.number(value)
    case "len": length = Int(try Self.number(value) as UInt16)
    case "urg": urgent = try Self.number(value)
    case "mss": mss = try Self.number(value)
    case "ws": windowScale = try Self.number(value)
    case "offset": dataOffset = try Self.number(value)
    case "reserved": reserved = try Self.number(value)
    case "ts": try setStamp(value)
    case "ecr": try setEcho(value)
    case "sack": try setBlocks(value)
    case "raw": raw = try Self.octets(value)
    default:
      throw WordError(
        "no \"\(name)=\"; there are: seq, ack, win, len, urg, mss, ws, sackok, ts, ecr, sack, raw, offset, "
          + "reserved, badsum")
    }
  }

  private mutating func setStamp(_ value: Substring) throws(WordError) {
    if value == "none" {
      stamps = .absent
      return
    }
    guard let change = Int(value) else { throw WordError("ts=none or a change of the clock: ts=-1") }
    stamps = .present(Stamp(value: change))
  }

  private mutating func setEcho(_ value: Substring) throws(WordError) {
    var stamp = Stamp()
    if case .present(let given) = stamps { stamp = given }
    if value == "zero" {
      stamp.echo = nil
    } else if let change = Int(value) {
      stamp.echo = change
    } else {
      throw WordError("ecr=zero or a change of what the stack sent: ecr=1")
    }
    stamps = .present(stamp)
  }

  private mutating func setBlocks(_ value: Substring) throws(WordError) {
    for block in value.split(separator: ",") {
      let edges = block.split(separator: ":")
      guard edges.count == 2 else { throw WordError("SACK blocks are written START:END,START:END") }
      sack.append((try Self.sequence(edges[0]), try Self.sequence(edges[1])))
    }
  }

  private static func sequence(_ text: Substring) throws(WordError) -> ScriptNumber {
    guard let number = ScriptNumber(text) else {
      throw WordError("\(text) is no sequence number: 17, rcv.nxt+1, rcv.edge, snd.una, snd.nxt-1")
    }
    return number
  }

  private static func number<Number: FixedWidthInteger>(_ text: Substring) throws(WordError) -> Number {
    guard let number = Number(text) else { throw WordError("\(text) is no number of 0 to \(Number.max)") }
    return number
  }

  private static func octets(_ text: Substring) throws(WordError) -> [UInt8] {
    var octets: [UInt8] = []
    var rest = text
    while !rest.isEmpty {
      guard rest.count >= 2, let octet = UInt8(rest.prefix(2), radix: 16) else {
        throw WordError("raw= takes pairs of hexadecimal digits")
      }
      octets.append(octet)
      rest = rest.dropFirst(2)
    }
    guard octets.count <= 40 else { throw WordError("options have 40 octets at most") }
    return octets
  }
}
