/// A value that the compiler takes as a whole.
///
/// Who owns what is in a noncopyable value is checked field by field, down to the last integer, at each access to it:
/// with two hundred settings and counters in `Surroundings` and the stack, checking took two thirds of the time
/// that MartletStack takes to compile. The element of an inline array counts as one. In optimised builds nothing is
/// left of it.
@frozen
public struct Whole<Value> {
  @usableFromInline var element: InlineArray<1, Value>

  @inlinable @inline(__always)
  public init(_ value: Value) { element = InlineArray(repeating: value) }

  @inlinable
  public var value: Value {
    @inline(__always) get { element[0] }
    @inline(__always) _modify { yield &element[0] }
  }
}

extension Whole: BitwiseCopyable where Value: BitwiseCopyable {}
extension Whole: Sendable where Value: Sendable {}
