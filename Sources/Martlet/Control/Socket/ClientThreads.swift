import MartletLinks
import MartletTCP
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Accepts clients at a listening descriptor, and gives each a thread, up to a number.
///
/// A thread may wait for its client; whoever is asked does not.
final class ClientThreads: Sendable {
  struct Terms: Sendable {
    var name: String
    var clientLimit: Int
    var requestLimit: Int
    var patience: TimeAmount
    /// What a client is told for whom there is no thread.
    var refusal: String
  }

  private struct State {
    var clients: [ObjectIdentifier: ClientChannel] = [:]
    var isClosed = false
  }

  private let listening: FileDescriptor
  private let terms: Terms
  private let state = Mutex(State())
  private let wakeup: Wakeup
  private let serve: @Sendable (ClientChannel) -> Void
  private let acceptor = Mutex<SystemThread?>(nil)

  /// Takes the descriptor over. `serve` is called on a thread for each client; when it returns the client is gone.
  init(
    _ listening: FileDescriptor, _ terms: Terms, _ serve: @escaping @Sendable (ClientChannel) -> Void
  ) throws(LinkError) {
    self.listening = listening
    self.terms = terms
    self.serve = serve
    wakeup = try Wakeup()
    _ = fcntl(listening.rawValue, F_SETFL, fcntl(listening.rawValue, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    // Threads hold it as long as they run: this one was never started, or is closed.
    if !isClosed { try? listening.close() }
  }

  func start() throws(LinkError) {
    let thread = try SystemThread(name: terms.name) { self.acceptAll() }
    acceptor.withLock { $0 = thread }
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Accepts nobody any more, cuts everybody off, and waits until their threads have let go of them. Once.
  func close() {
    let (channels, wasClosed) = state.withLock { state in
      defer { state.isClosed = true }
      return (Array(state.clients.values), state.isClosed)
    }
    guard !wasClosed else { return }
    for channel in channels { channel.cutOff() }
    wakeup.signal()
    acceptor.withLock { $0.take() }?.join()
    // Whoever was about to be accepted is cut off by this.
    try? listening.close()
    let end = SystemClock.now.advanced(by: .seconds(1))
    while !state.withLock({ $0.clients.isEmpty }), SystemClock.now < end { usleep(1_000) }
  }

  private func acceptAll() {
    while !isClosed {
      wakeup.clear()
      wait(for: listening, or: wakeup.descriptor, until: .hours(1))
      guard !isClosed else { return }
      let fd = accept(listening.rawValue, nil, nil)
      if fd >= 0 {
        _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
        admit(FileDescriptor(rawValue: fd))
      } else if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS {
        // It stays readable: without a pause this would turn on the spot.
        usleep(100_000)
      }
    }
  }

  private func admit(_ descriptor: FileDescriptor) {
    let channel = ClientChannel(descriptor, requestLimit: terms.requestLimit, patience: terms.patience)
    let key = ObjectIdentifier(channel)
    let hasRoom = state.withLock { state in
      guard !state.isClosed, state.clients.count < terms.clientLimit else { return false }
      state.clients[key] = channel
      return true
    }
    guard hasRoom else {
      try? channel.send(terms.refusal)
      return
    }
    let thread = try? SystemThread(name: "\(terms.name)-io") {
      self.serve(channel)
      channel.cutOff()
      _ = self.state.withLock { $0.clients.removeValue(forKey: key) }
    }
    if let thread { thread.detach() } else { _ = state.withLock { $0.clients.removeValue(forKey: key) } }
  }
}
