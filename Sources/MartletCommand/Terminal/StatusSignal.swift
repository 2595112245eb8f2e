import Martlet
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// SIGUSR1: somebody wants to see the table of connections.
enum StatusSignal {
  /// From now on the signal wakes the loop that `control` belongs to.
  static func watch(_ control: LoopControl) {
    let address = Unmanaged.passRetained(control).toOpaque()
    wokenLoop.store(UInt(bitPattern: address), ordering: .sequentiallyConsistent)
    signal(SIGUSR1) { _ in
      isAsked.store(true, ordering: .sequentiallyConsistent)
      guard let address = UnsafeRawPointer(bitPattern: wokenLoop.load(ordering: .sequentiallyConsistent))
      else { return }
      Unmanaged<LoopControl>.fromOpaque(address)._withUnsafeGuaranteedRef { $0.wake() }
    }
  }

  /// Whether the signal came since the last call.
  static func take() -> Bool { isAsked.exchange(false, ordering: .sequentiallyConsistent) }
}

/// The address of the loop's control; 0: none. A signal handler can reach globals only.
private let wokenLoop = Atomic<UInt>(0)
private let isAsked = Atomic<Bool>(false)
