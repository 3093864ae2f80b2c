"""Lists that communes have (spreadsheets, GLPI, inventory agents) → what `fleet.yml` should say."""
