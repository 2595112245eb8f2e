import MartletLinks
import MartletTCP
import MartletTrace
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A Unix socket at which a running stack can be asked for its connections, counters and packets, and told to end a
/// connection or to move a limit: what `martlet ss`, `netstat`, `nstat` and `capture` use.
///
/// ```swift
/// let socket = try ControlSocket(ControlSocketConfiguration(path: "/run/myserver.sock"), of: [loop.control])
/// try loop.run()
/// socket.close()
/// ```
///
/// Each client has a thread; the loop answers a question between two batches of packets and never waits for anybody. As
/// long as nobody asks, it knows nothing of the socket. Documentation/ControlSocket.md has the protocol.
public final class ControlSocket: Sendable {
  public let path: String
  private let threads: ClientThreads
  private let identity: UnixSocket.FileIdentity?
  private let isClosed = Mutex(false)

  /// Makes the socket and begins to answer. A dead socket at the path is replaced; one at which somebody answers is not.
  ///
  /// - Parameter loops: one or, where several stacks share the work, all: an answer joins what they have.
  public init(_ configuration: ControlSocketConfiguration, of loops: [LoopControl]) throws(LinkError) {
    let listening = try UnixSocket.listen(at: configuration.path, group: configuration.group)
    path = configuration.path
    identity = UnixSocket.identity(of: configuration.path)
    let patience = TimeAmount.seconds(Int64(configuration.patienceSeconds))
    let refusal = ControlLine.error(
      "\(configuration.clientLimit) clients are being answered already. Try again when one has gone.")
    threads = try ClientThreads(
      listening,
      ClientThreads.Terms(
        name: "martlet-ctl", clientLimit: configuration.clientLimit, requestLimit: configuration.requestLimit,
        patience: patience, refusal: refusal)
    ) { channel in
      ControlConversation(channel, loops, configuration).run()
    }
    try threads.start()
  }

  deinit { close() }

  /// Cuts clients off and removes the socket, unless another has taken its place.
  public func close() {
    let wasClosed = isClosed.withLock { flag in
      defer { flag = true }
      return flag
    }
    guard !wasClosed else { return }
    if let identity, UnixSocket.identity(of: path) == identity { unlink(path) }
    threads.close()
  }
}

/// The lines that every answer has.
package enum ControlLine {
  /// The answer is complete.
  package static let end = "{\"type\":\"end\"}\n"

  package static func error(_ sentence: String) -> String {
    var object = JSONObject()
    object.add("type", "error")
    object.add("message", sentence)
    return object.text + "\n"
  }
}
