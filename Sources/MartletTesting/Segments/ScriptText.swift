import MartletSimulator

/// The text of a segment or of a call in a script: literal octets, or a number of
/// octets of the script's own stream.
///
///     .data(seq: 1, ack: 1, "hello")      // these five
///     .data(seq: 1, ack: 1, 1460)         // 1,460 of the stream, by sequence number
///     .data(seq: 1, ack: 1, .count(n))
///
/// A count takes its octets from the stream by their place: sequence number 1 is
/// the stream's first octet. Segments that overlap therefore agree, and what was
/// received can be checked with `scriptText(0..<1460)`.
public enum ScriptText: Equatable, Sendable {
  case octets([UInt8])
  case count(Int)

  /// Octets of it.
  public var count: Int {
    switch self {
    case .octets(let octets): octets.count
    case .count(let count): count
    }
  }

  /// The octets themselves, when the first has this place in the script's stream.
  func octets(from place: Int) -> [UInt8] {
    switch self {
    case .octets(let octets): octets
    case .count(let count): scriptText(place..<(place + max(count, 0)))
    }
  }
}

extension ScriptText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  public init(stringLiteral text: String) { self = .octets(Array(text.utf8)) }
  public init(integerLiteral count: Int) { self = .count(count) }
  public init(arrayLiteral octets: UInt8...) { self = .octets(octets) }
}

/// The stream that texts given as counts are taken from.
let scriptStream = KeyedStream(key: 0x6d61_7274_6c65_7421)

/// Octets of the script's stream; 0 is the one with relative sequence number 1.
public func scriptText(_ range: Range<Int>) -> [UInt8] {
  scriptStream.octets(from: UInt64(bitPattern: Int64(range.lowerBound)), count: range.count)
}
