import MartletWire

/// A TCP option of a scripted segment. Edges of SACK blocks are relative numbers
/// of whoever receives the option, like its acknowledgment number.
public enum ScriptOption: Equatable, Sendable {
  case mss(UInt16)
  case windowScale(UInt8)
  case sackPermitted
  /// TSval, TSecr.
  case timestamps(UInt32, UInt32)
  /// Start and end of each block.
  case sack([Range<Int>])
  case fastOpen([UInt8])

  /// The usual offer of a modern peer, in one word.
  public static func everything(mss: UInt16 = 1_460, windowScale: UInt8 = 7) -> [ScriptOption] {
    [.mss(mss), .sackPermitted, .timestamps(1_000, 0), .windowScale(windowScale)]
  }
}

extension TCPOptions {
  init(_ options: [ScriptOption], sackBase: SequenceNumber) {
    self.init()
    for option in options { add(option, sackBase: sackBase) }
  }

  private mutating func add(_ option: ScriptOption, sackBase: SequenceNumber) {
    switch option {
    case .mss(let size):
      maximumSegmentSize = size
      present.insert(.maximumSegmentSize)
    case .windowScale(let shift):
      windowScale = WindowScale(shift)
      present.insert(.windowScale)
    case .sackPermitted:
      present.insert(.sackPermitted)
    case .timestamps(let tsval, let tsecr):
      self.tsval = tsval
      self.tsecr = tsecr
      present.insert(.timestamps)
    case .sack(let ranges):
      for (index, range) in ranges.prefix(4).enumerated() {
        sack[index] = SACKBlock(
          start: sackBase.advanced(by: UInt32(truncatingIfNeeded: range.lowerBound)),
          end: sackBase.advanced(by: UInt32(truncatingIfNeeded: range.upperBound)))
      }
      sackCount = UInt8(min(ranges.count, 4))
      present.insert(.sack)
    case .fastOpen(let cookie):
      for (index, octet) in cookie.prefix(16).enumerated() { fastOpenCookie[index] = octet }
      fastOpenCookieCount = UInt8(min(cookie.count, 16))
      present.insert(.fastOpen)
    }
  }

  /// The options as a script writes them, in the order that scripts use.
  func scripted(sackBase: SequenceNumber) -> [ScriptOption] {
    var list: [ScriptOption] = []
    if present.contains(.maximumSegmentSize) { list.append(.mss(maximumSegmentSize)) }
    if present.contains(.sackPermitted) { list.append(.sackPermitted) }
    if present.contains(.timestamps) { list.append(.timestamps(tsval, tsecr)) }
    if present.contains(.windowScale) { list.append(.windowScale(windowScale.shift)) }
    if present.contains(.sack) {
      let ranges = (0..<Int(sackCount)).map { index -> Range<Int> in
        let start = relative(sack[index].start, to: sackBase)
        return start..<(start + Int(sack[index].end.distance(from: sack[index].start)))
      }
      list.append(.sack(ranges))
    }
    if present.contains(.fastOpen) {
      list.append(.fastOpen((0..<Int(min(fastOpenCookieCount, 16))).map { fastOpenCookie[$0] }))
    }
    return list
  }
}

extension ScriptOption: CustomStringConvertible {
  public var description: String {
    switch self {
    case .mss(let size): "mss \(size)"
    case .windowScale(let shift): "wscale \(shift)"
    case .sackPermitted: "sackOK"
    case .timestamps(let tsval, let tsecr): "TS val \(tsval) ecr \(tsecr)"
    case .sack(let ranges):
      "sack " + ranges.map { "{\($0.lowerBound):\($0.upperBound)}" }.joined(separator: " ")
    case .fastOpen(let cookie): cookie.isEmpty ? "fastopen request" : "fastopen \(cookie.count) octets"
    }
  }
}

/// Where `number` lies from `base`, as a script writes it: at most half a turn either way.
func relative(_ number: SequenceNumber, to base: SequenceNumber) -> Int {
  Int(Int32(bitPattern: number.distance(from: base)))
}
