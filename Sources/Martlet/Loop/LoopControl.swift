import MartletLinks
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How other threads reach a `StackLoop`.
public final class LoopControl: Sendable {
  package let wakeup: Wakeup
  private let stops = Atomic<Int>(0)
  /// In the order of their coming.
  private let visits = Mutex<[LoopVisit]>([])

  public init() throws(LinkError) {
    wakeup = try Wakeup()
  }

  public var isStopping: Bool { stops.load(ordering: .acquiring) > 0 }

  /// `stop` was called again: nothing is waited for any longer.
  var isImpatient: Bool { stops.load(ordering: .acquiring) > 1 }

  /// Ends the loop after the turn it is in. From any thread; a second call cuts short the time
  /// that connections have to end in order.
  public func stop() {
    stops.add(1, ordering: .releasing)
    wakeup.signal()
  }

  /// Has the loop call `Application.woken`.
  public func wake() {
    wakeup.signal()
  }

  /// Has the loop call `body` between two batches, if it runs; once, on its thread.
  package func visit(_ body: @escaping LoopVisit) {
    visits.withLock { $0.append(body) }
    wakeup.signal()
  }

  /// Those who have come since the last call.
  func takeVisits() -> [LoopVisit] {
    visits.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }

  /// Ends the loop when one of these signals comes, `SIGINT`, `SIGTERM` and `SIGHUP` unless given. One
  /// loop of a process can have this: the last to ask for it. It is never released. `SIGHUP` stays ignored if it is, as
  /// under `nohup`.
  public func stopOnSignals(_ signals: [Int32] = [SIGINT, SIGTERM, SIGHUP]) {
    let this = Unmanaged.passRetained(self)
    signalledLoop.store(UInt(bitPattern: this.toOpaque()), ordering: .sequentiallyConsistent)
    for number in signals {
      var action = sigaction()
      #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = stopSignalledLoop
      #else
        action.__sigaction_handler.sa_handler = stopSignalledLoop
      #endif
      action.sa_flags = Int32(SA_RESTART)
      if number == SIGHUP, isIgnored(number) { continue }
      sigaction(number, &action, nil)
    }
  }
}

private func isIgnored(_ number: Int32) -> Bool {
  var action = sigaction()
  sigaction(number, nil, &action)
  #if canImport(Darwin)
    let handler = action.__sigaction_u.__sa_handler
  #else
    let handler = action.__sigaction_handler.sa_handler
  #endif
  // Functions cannot be compared; their addresses can.
  return withUnsafeBytes(of: handler) { Array($0) } == withUnsafeBytes(of: SIG_IGN) { Array($0) }
}

/// The address of the `LoopControl` that signals stop; 0: none.
private let signalledLoop = Atomic<UInt>(0)

/// A signal handler: two atomic stores and a `write`, nothing else is allowed here.
private func stopSignalledLoop(_ number: Int32) {
  guard let address = UnsafeRawPointer(bitPattern: signalledLoop.load(ordering: .sequentiallyConsistent))
  else { return }
  Unmanaged<LoopControl>.fromOpaque(address)._withUnsafeGuaranteedRef { $0.stop() }
}
