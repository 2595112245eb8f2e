// The simulator's arrays of octets as the views that stacks take.
//
// In 6.3 `Span.bytes` and `MutableSpan.mutableBytes` are marked unsafe for element
// types with padding; `UInt8` has none, and every bit pattern is a value of it.

extension Array where Element == UInt8 {
  /// The octets, for as long as the array is not changed.
  var rawSpan: RawSpan {
    @_lifetime(borrow self) get { unsafe span.bytes }
  }

  /// Lets `body` write into the first `count` octets, or into all if there are fewer.
  @inline(__always)
  mutating func writing<Result, Failure: Error>(
    first count: Int = .max, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var elements = mutableSpan
    var all = unsafe elements.mutableBytes
    var out = all._mutatingExtracting(first: Swift.max(count, 0))
    return try body(&out)
  }
}
