import MartletStack
import MartletTCP
import Synchronization

/// What a task asks of the loop: done on the loop's thread, between two batches.
typealias HostRequest = @Sendable (inout HostService, inout NetworkStack, Instant) -> Void

/// Requests on their way to the loop, from any thread.
final class Mailbox: Sendable {
  private struct State {
    var requests: [HostRequest] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let control: LoopControl

  init(waking control: LoopControl) {
    self.control = control
  }

  /// False when the loop has ended: nobody will see the request.
  func post(_ request: @escaping HostRequest) -> Bool {
    let isFirst: Bool? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.requests.append(request)
      return state.requests.count == 1
    }
    if isFirst == true { control.wake() }
    return isFirst != nil
  }

  /// All that came since the last call.
  func take() -> [HostRequest] {
    state.withLock { state in
      defer { state.requests = [] }
      return state.requests
    }
  }

  /// Takes the last requests; from now on `post` refuses.
  func close() -> [HostRequest] {
    state.withLock { state in
      state.isClosed = true
      defer { state.requests = [] }
      return state.requests
    }
  }
}

/// A task that waits for the loop. Resumed once, by the loop's thread only.
final class Waiter<Value: Sendable>: @unchecked Sendable {
  /// Set before the request is posted, read by the loop after; the mailbox's lock orders the two.
  fileprivate var continuation: CheckedContinuation<Result<Value, HostError>, Never>?
  private let cancelled = Atomic<Bool>(false)

  /// The task was cancelled; whoever has this waiter in a queue resumes it with `.cancelled`.
  var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

  fileprivate func cancel() { cancelled.store(true, ordering: .releasing) }

  func resume(_ result: Result<Value, HostError>) {
    let taken = continuation.take()
    taken?.resume(returning: result)
  }
}

extension Mailbox {
  /// Posts a request and waits for its answer. When the task is cancelled `sweep` is posted:
  /// it looks for waiters that are cancelled. A request that arrives cancelled is not begun.
  func ask<Value: Sendable>(
    _ request: @escaping @Sendable (Waiter<Value>, inout HostService, inout NetworkStack, Instant) -> Void,
    sweep: @escaping HostRequest
  ) async throws(HostError) -> Value {
    let waiter = Waiter<Value>()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        waiter.continuation = continuation
        let isPosted = post { service, stack, now in
          if waiter.isCancelled { return waiter.resume(.failure(.cancelled)) }
          request(waiter, &service, &stack, now)
        }
        if !isPosted { waiter.resume(.failure(.stopped)) }
      }
    } onCancel: {
      waiter.cancel()
      _ = post(sweep)
    }
    return try result.get()
  }
}
