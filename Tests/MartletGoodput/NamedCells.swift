import MartletTCP

extension Cell {
  /// The cells that every build measures again: sixteen paths with each algorithm.
  static var named: [Cell] {
    CongestionControl.allCases.flatMap { algorithm in
      namedPaths.compactMap { Cell(name: "\(algorithm)/\($0)") }
    }
  }

  private static let namedPaths = [
    "1/1/0/0/1/1", "1/20/1/0/1/1", "1/100/0/0/4/10", "1/300/0.1/3/1/1",
    "10/1/5/0/1/1", "10/20/0/0/0.25/1", "10/20/0/0/1/10", "10/100/0/3/1/1",
    "10/100/1/0/1/10", "10/300/5/3/4/1", "100/20/0/0/1/1", "100/20/0/3/1/1",
    "100/20/0.1/0/0.25/10", "100/100/0/0/1/10", "1000/1/0/0/1/1", "1000/20/0.1/0/1/1",
  ]
}
