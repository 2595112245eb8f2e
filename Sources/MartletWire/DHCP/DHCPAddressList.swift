/// Up to four addresses, the preferred one first. More are not kept.
public struct DHCPAddressList: RandomAccessCollection, Equatable, BitwiseCopyable, Sendable {
  private var addresses: InlineArray<4, IPv4Address> = InlineArray(repeating: .any)
  public private(set) var count = 0

  public static var capacity: Int { 4 }

  public init() {}

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(place: Int) -> IPv4Address { addresses[place] }

  /// One too many is dropped.
  public mutating func append(_ address: IPv4Address) {
    guard count < Self.capacity else { return }
    addresses[count] = address
    count &+= 1
  }

  public static func == (a: DHCPAddressList, b: DHCPAddressList) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where a[i] != b[i] { return false }
    return true
  }
}
