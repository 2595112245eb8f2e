/// Where a stack can be asked, by whom, and how much at a time.
public struct ControlSocketConfiguration: Sendable {
  /// Of the socket; a path of a Unix socket has about a hundred octets at most.
  public var path: String
  /// The group whose members may ask, too; nil: the owner alone (mode 0600, else 0660).
  public var group: UInt32?
  /// Clients at a time; those that come beyond it are told so and sent away.
  public var clientLimit = 16
  /// Octets of one request.
  public var requestLimit = 4_096
  /// A client that takes nothing for so long is cut off. In the meantime its answer waits, and nothing else does.
  public var patienceSeconds: UInt32 = 10
  /// Octets of captured packets that wait for a client; what comes beyond it is left out, and counted in the capture.
  public var captureBuffer = 4 << 20
  /// Events of a trace that wait for a client, some 200 octets each; what comes beyond it is left out, and counted.
  public var traceBuffer = 16_384

  public init(path: String) { self.path = path }
}
