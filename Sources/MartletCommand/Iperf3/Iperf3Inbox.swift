/// What has arrived on a control connection and is not understood yet. It never holds more than one
/// message of the largest size.
struct Iperf3Inbox {
  private var octets: [UInt8] = []

  /// Octets of JSON in one message: 128 streams take some 25,000.
  static let messageLimit = 256 << 10

  /// How many octets it takes.
  var room: Int { 4 + Self.messageLimit - octets.count }
  var count: Int { octets.count }

  mutating func append(_ bytes: RawSpan) { octets.append(bytes) }

  mutating func takeOctet() -> UInt8? { octets.isEmpty ? nil : octets.removeFirst() }

  /// The first `count` octets; nil: there are not so many yet.
  mutating func take(_ count: Int) -> [UInt8]? {
    guard octets.count >= count else { return nil }
    defer { octets.removeFirst(count) }
    return Array(octets[..<count])
  }

  /// A JSON text behind its length in 32 bits; nil: it is not there yet. Throws `fault` when it is too
  /// long or no JSON.
  mutating func takeMessage(or fault: Iperf3Fault) throws(Iperf3Fault) -> JSONValue? {
    guard octets.count >= 4 else { return nil }
    let length = octets[..<4].reduce(0) { $0 << 8 | Int64($1) }
    guard length <= Self.messageLimit else { throw fault }
    guard octets.count >= 4 + Int(length) else { return nil }
    let text = Array(octets[4..<4 + Int(length)])
    octets.removeFirst(4 + Int(length))
    guard let value = JSONParser.parse(text) else { throw fault }
    return value
  }

  /// A message as `takeMessage` reads it.
  static func message(_ value: JSONValue) -> [UInt8] {
    let text = Array(value.text.utf8)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: UInt32(text.count) >> $0) } + text
  }
}
