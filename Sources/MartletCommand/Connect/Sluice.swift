#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a connection has in place of standard input and output.
package struct StreamEnds: Sendable {
  package let input = Sluice()
  package let output = Sluice()

  package init() {}
}

/// A bounded queue of octets between two threads. One of them may wait at it: the one that reads
/// standard input waits for room, the one that writes standard output waits for octets. The
/// loop's thread never waits.
///
/// Everything mutable is touched only between `lock` and `unlock`.
package final class Sluice: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var octets: [UInt8] = []
  private var start = 0
  private var hasEnded = false
  private var isBroken = false

  /// Octets it holds at most.
  static let capacity = 256 << 10

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  private func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  // MARK: For whoever never waits

  /// Octets that `append` takes.
  var room: Int { locked { Self.capacity - (octets.count - start) } }

  package var isEmpty: Bool { locked { octets.count == start } }

  /// Nothing comes any more, and everything was taken.
  var isOver: Bool { locked { hasEnded && octets.count == start } }

  /// The other end cannot go on.
  var hasBroken: Bool { locked { isBroken } }

  /// Adds octets: at most `room`.
  package func append(_ bytes: RawSpan) {
    locked {
      compact()
      octets.append(bytes)
      pthread_cond_signal(condition)
    }
  }

  /// Shows what there is to `body`, which says how many octets it takes.
  func take(_ body: (RawSpan) -> Int) {
    locked {
      guard start < octets.count else { return }
      start += body(octets.span.bytes.extracting(start..<octets.count))
      compact()
      pthread_cond_signal(condition)
    }
  }

  /// Says that nothing more comes.
  package func end() {
    locked {
      hasEnded = true
      pthread_cond_signal(condition)
    }
  }

  // MARK: For whoever may wait

  /// Adds octets once there is room for them: at most `capacity`.
  func put(_ bytes: UnsafeRawBufferPointer) {
    locked {
      while Self.capacity - (octets.count - start) < bytes.count { pthread_cond_wait(condition, mutex) }
      compact()
      octets.append(contentsOf: bytes)
    }
  }

  /// Waits for octets and takes all of them; nil when nothing comes any more.
  func takeAll() -> [UInt8]? {
    locked {
      while octets.count == start && !hasEnded { pthread_cond_wait(condition, mutex) }
      guard start < octets.count else { return nil }
      let all = Array(octets[start...])
      (octets, start) = ([], 0)
      return all
    }
  }

  /// Says that what is taken goes nowhere.
  func breakOff() { locked { isBroken = true } }

  private func compact() {
    guard start > 0, start == octets.count || start >= 64 << 10 else { return }
    octets.removeFirst(start)
    start = 0
  }
}
