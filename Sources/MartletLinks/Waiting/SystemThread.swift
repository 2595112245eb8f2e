import CMartletSystem
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread of the operating system: for what is a thread's own (its network namespace),
/// and for loops that wait in the kernel, which must not occupy Swift's cooperative pool.
///
/// Invariant: a `pthread_t` is a number that never changes here; what runs is handed over before the start.
package struct SystemThread: @unchecked Sendable {
  private let thread: pthread_t

  private final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on a new thread with all signals blocked: they belong to the threads that
  /// were there before. Its name is cut to 15 octets.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(LinkError) {
    let start = Unmanaged.passRetained(
      Start {
        Self.nameThread(name)
        body()
      })
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    let result = pthread_create(
      &thread, nil,
      { raw in
        // An optional on some systems, and none on others.
        guard let raw = raw as UnsafeMutableRawPointer? else { return nil }
        Unmanaged<Start>.fromOpaque(raw).takeRetainedValue().body()
        return nil
      }, start.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard result == 0 else {
      start.release()
      throw LinkError(failed: "cannot start a thread", Errno(rawValue: result))
    }
    #if canImport(Darwin)
      guard let started = thread else { throw LinkError(.failed, "a thread was started and is not there") }
      self.thread = started
    #else
      self.thread = thread
    #endif
  }

  private static func nameThread(_ name: String) {
    #if os(Linux)
      martlet_name_thread(name)
    #elseif canImport(Darwin)
      pthread_setname_np(name)
    #endif
  }

  /// Waits for its end; exactly one caller may, once, unless `detach` was called.
  package func join() { pthread_join(thread, nil) }

  package func detach() { pthread_detach(thread) }

  /// The result of `body`, run on a thread of its own that ends with it.
  package static func run<R: Sendable>(
    _ body: @escaping @Sendable () throws(LinkError) -> R
  ) throws(LinkError) -> R {
    let outcome = Outcome<R>()
    try SystemThread(name: "martlet-netns") {
      do throws(LinkError) {
        outcome.result = .success(try body())
      } catch {
        outcome.result = .failure(error)
      }
    }.join()
    guard let result = outcome.result else { throw LinkError(.failed, "a thread ended without a result") }
    return try result.get()
  }

  /// Written by the thread, read after its end.
  private final class Outcome<R: Sendable>: @unchecked Sendable {
    var result: Result<R, LinkError>?
  }
}
