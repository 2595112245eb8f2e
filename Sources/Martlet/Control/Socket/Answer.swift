import Synchronization

/// A result on its way from one thread to another.
final class Answer<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)

  func give(_ result: Value) { value.withLock { $0 = result } }

  func take() -> Value? { value.withLock { $0.take() } }
}
