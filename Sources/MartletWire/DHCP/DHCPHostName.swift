/// What a host says it is called (RFC 2132 §3.14): up to 63 letters, digits, hyphens and dots.
public struct DHCPHostName: Equatable, BitwiseCopyable, Sendable {
  private var octets: InlineArray<63, UInt8> = InlineArray(repeating: 0)
  private var length: UInt8 = 0

  public static var capacity: Int { 63 }

  public var count: Int { Int(length) }

  /// Nil: it is none, or too long.
  public init?(_ text: String) {
    var name = CollectedName()
    for octet in text.utf8 { name.append(octet) }
    self.init(name)
  }

  init?(_ name: CollectedName) {
    guard name.isWhole, name.count > 0 else { return nil }
    for i in 0..<name.count {
      let octet = name.octets[i]
      let isLetter = octet | 0x20 >= 0x61 && octet | 0x20 <= 0x7a
      let isDigit = octet >= 0x30 && octet <= 0x39
      guard isLetter || isDigit || octet == 0x2d || octet == 0x2e else { return nil }
    }
    octets = name.octets
    length = UInt8(truncatingIfNeeded: name.count)
  }

  /// Writes exactly `count` octets.
  func write(into out: inout MutableRawSpan, at start: Int) {
    for i in 0..<count { out.store8(octets[i], at: start &+ i) }
  }

  public static func == (a: DHCPHostName, b: DHCPHostName) -> Bool {
    guard a.length == b.length else { return false }
    for i in 0..<a.count where a.octets[i] != b.octets[i] { return false }
    return true
  }
}

/// The octets of a name as they come.
struct CollectedName {
  private(set) var octets: InlineArray<63, UInt8> = InlineArray(repeating: 0)
  private(set) var count = 0
  /// False: it has more octets than there is room for.
  private(set) var isWhole = true

  mutating func append(_ octet: UInt8) {
    guard count < DHCPHostName.capacity else {
      isWhole = false
      return
    }
    octets[count] = octet
    count &+= 1
  }

  mutating func append(_ part: RawSpan) {
    for i in 0..<part.byteCount { append(part.u8(i)) }
  }
}
