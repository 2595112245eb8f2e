import MartletTCP

/// Where a whole datagram stands while it is delivered. It takes no memory before the first.
///
/// Invariant: the spans cover exactly the array's octets, of which every pattern is a valid `UInt8`, and borrow this
/// value.
@safe
struct DatagramRoom {
  private var octets: [UInt8] = []

  init() {}

  /// - Parameter count: octets that the caller has been charged for.
  init(count: Int) {
    octets = [UInt8](repeating: 0, count: count)
  }

  var count: Int { octets.count }

  var bytes: RawSpan {
    @_lifetime(borrow self) get { unsafe octets.span.bytes }
  }

  /// Lets `body` write the octets.
  mutating func fill(_ body: (inout MutableRawSpan) -> Void) {
    var span = octets.mutableSpan
    var raw = unsafe span.mutableBytes
    body(&raw)
  }
}
