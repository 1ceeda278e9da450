"""What only a training run needs: settings, first weights, phases and the state on disk."""
