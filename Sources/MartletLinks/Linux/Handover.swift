#if os(Linux)
  /// Carries a device or a socket from the thread that made it, in another network namespace, to the one that waits for it.
  ///
  /// Invariant: filled by the thread that ends, emptied once, after its end.
  final class Handover<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?

    init(_ value: consuming Value) { self.value = consume value }

    func take() throws(LinkError) -> Value {
      guard let taken = value.take() else { throw LinkError(.failed, "what a thread made was taken twice") }
      return taken
    }
  }
#endif
