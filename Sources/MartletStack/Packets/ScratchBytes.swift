import MartletWire

/// A few octets on the stack of a function, to build a header in.
///
/// Invariant: the spans cover exactly the array's octets, of which every pattern is a
/// valid `UInt8`, and borrow this value.
@safe
struct ScratchBytes<let n: Int>: BitwiseCopyable {
  private var octets = InlineArray<n, UInt8>(repeating: 0)

  var bytes: RawSpan {
    @_lifetime(borrow self) get { unsafe octets.span.bytes }
  }

  /// Lets `body` write the octets.
  @inline(__always)
  mutating func fill(_ body: (inout MutableRawSpan) -> Void) {
    var span = octets.mutableSpan
    var raw = unsafe span.mutableBytes
    body(&raw)
  }

  /// Copies the first `count` octets to the start of `out`, which has room for them.
  @inline(__always)
  mutating func copy(_ count: Int, into out: inout MutableRawSpan) {
    out.copy(bytes.extracting(0..<count))
  }

  /// Copies `count` octets from `start` on to `out` at `place`.
  mutating func copy(from start: Int, count: Int, into out: inout MutableRawSpan, at place: Int) {
    var part = out._mutatingExtracting(place..<(place &+ count))
    part.copy(bytes.extracting(start..<(start &+ count)))
  }
}
