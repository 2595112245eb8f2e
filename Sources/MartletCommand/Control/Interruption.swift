import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// SIGINT and SIGTERM for commands that end in order: what waits in a system call is interrupted, and looks here.
enum Interruption {
  static func watch() {
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = { _ in
          interruptions.store(true, ordering: .sequentiallyConsistent)
        }
      #else
        action.__sigaction_handler.sa_handler = { _ in
          interruptions.store(true, ordering: .sequentiallyConsistent)
        }
      #endif
      // No SA_RESTART: the wait is to end.
      sigaction(number, &action, nil)
    }
  }

  static var hasCome: Bool { interruptions.load(ordering: .sequentiallyConsistent) }
}

private let interruptions = Atomic<Bool>(false)
